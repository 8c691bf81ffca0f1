/* How much was sent and received in the last second. */
#include "rate_meter.h"

enum { SLOT = 1000000 / LO_SLOTS /* µs */ };

static void advance(lo_meter *meter, int64_t slot)
{
    for (int i = 0; i <= LO_SLOTS && meter->slot < slot; i++) {
        meter->past[meter->slot++ % LO_SLOTS] = meter->present;
        meter->present = (struct lo_flow){0, 0};
    }
    if (meter->slot < slot)
        meter->slot = slot;
}

void lo_measure(lo_meter *meter, int64_t now, int bytes)
{
    if (meter->slot < now / SLOT)
        advance(meter, now / SLOT);
    meter->present.packets += (uint32_t)(1 + (bytes - 1) / LO_PACKET_BYTES);
    meter->present.bytes += (uint32_t)bytes;
}

/* A whole second, up to the slot under way: bursts count as often as they were. */
void lo_rates(lo_meter *meter, int64_t now, float *packets, float *bytes)
{
    struct lo_flow sum = {0, 0};
    advance(meter, now / SLOT);
    for (int i = 0; i < LO_SLOTS; i++) {
        sum.packets += meter->past[i].packets;
        sum.bytes += meter->past[i].bytes;
    }
    *packets = (float)sum.packets;
    *bytes = (float)sum.bytes;
}
