/* An engine's callbacks, queued for Python. */
#ifndef STEAMNET_EVENTS_H
#define STEAMNET_EVENTS_H

#include "engine.h"

/* Installs the callbacks in an engine that has just started. */
void sn_events_attach(sn_engine *engine);
/* Takes them back, unless the engine is disconnected: then there is nothing to call. */
void sn_events_detach(sn_engine *engine, bool disconnected);
void sn_events_push(sn_engine *engine, const sn_event *event);
/* Which engine the callbacks of this thread belong to while it pumps; NULL afterwards. */
void sn_events_pumping(sn_engine *engine);

#endif
