/* Custom signaling: what the engine wants carried to a peer goes into a queue for Python. */
#ifndef STEAMNET_SIGNALING_H
#define STEAMNET_SIGNALING_H

#include "engine.h"

/* Gives this engine the queue; by_default: also for ConnectP2P, where there is no Steam to signal. */
void sn_signaling_attach(sn_engine *engine, bool by_default);
void sn_signaling_detach(sn_engine *engine);

#endif
