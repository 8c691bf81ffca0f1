/* How much was sent or received in the last second. */
#ifndef STEAMNET_LOOPBACK_RATE_METER_H
#define STEAMNET_LOOPBACK_RATE_METER_H

#include <stdint.h>

enum {
    LO_PACKET_BYTES = 1200, /* payload of one datagram on the simulated network */
    LO_SLOTS = 16,          /* in a second */
};

/* The present fraction of a second, and those that make up the second before it. */
typedef struct lo_meter {
    int64_t slot;
    struct lo_flow {
        uint32_t packets, bytes;
    } present, past[LO_SLOTS];
} lo_meter;

void lo_measure(lo_meter *meter, int64_t now, int bytes);
void lo_rates(lo_meter *meter, int64_t now, float *packets, float *bytes);

#endif
