/* Publishing: listeners, to other processes. */
#ifndef STEAMNET_LOOPBACK_PUBLISH_H
#define STEAMNET_LOOPBACK_PUBLISH_H

#include "registry.h"

/* Lets other processes find a listener; false if one of them already has its address. */
bool lo_publish(lo_listener *listener);
void lo_unpublish(lo_listener *listener);
/* At intervals: publishes again what could not be published, and what was removed. */
void lo_publish_again(void);

#endif
