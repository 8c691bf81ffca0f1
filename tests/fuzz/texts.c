/* Fuzzes identity and address strings: what is read is written, and read again the same. */
#include <stdlib.h>
#include <string.h>

#include "loopback/wire.h"
#include "machine.h"

static void identity(const char *text)
{
    SteamNetworkingIdentity read, again, clean;
    char written[SN_IDENTITY_SIZE];
    if (!sn_identity_parse(&read, text)) {
        HOLDS(read.m_eType == k_ESteamNetworkingIdentityType_Invalid);
        return;
    }
    HOLDS(lo_clean_identity(&clean, &read) && memcmp(&clean, &read, sizeof clean) == 0);
    sn_identity_format(&read, written, (int)sizeof written);
    HOLDS(strlen(written) < sizeof written - 1);
    HOLDS(sn_identity_parse(&again, written));
    HOLDS(lo_same_identity(&read, &again));
}

static void address(const char *text)
{
    SteamNetworkingIPAddr read, again;
    char written[SN_ADDRESS_SIZE];
    if (!sn_address_parse(&read, text))
        return;
    sn_address_format(&read, written, (int)sizeof written, true);
    HOLDS(strlen(written) < sizeof written - 1);
    HOLDS(sn_address_parse(&again, written));
    HOLDS(memcmp(&read, &again, sizeof read) == 0);
    sn_address_format(&read, written, (int)sizeof written, false);
    HOLDS(sn_address_parse(&again, written));
    HOLDS(memcmp(read.m_ipv6, again.m_ipv6, sizeof read.m_ipv6) == 0 && again.m_port == 0);
}

/* Any bytes as an identity, as an engine may hand them out: written without harm. */
static void raw_identity(const uint8_t *data, size_t size)
{
    SteamNetworkingIdentity given = {0};
    char written[SN_IDENTITY_SIZE], little[5];
    memcpy(&given, data, size < sizeof given ? size : sizeof given);
    sn_identity_format(&given, written, (int)sizeof written);
    HOLDS(memchr(written, 0, sizeof written) != NULL);
    sn_identity_format(&given, little, (int)sizeof little);
    HOLDS(memchr(little, 0, sizeof little) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    identity(text);
    address(text);
    raw_identity(data, size);
    free(text);
    return 0;
}
