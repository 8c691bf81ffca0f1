/* Identities and addresses as text, by Valve's spelling rules.
 *
 * The libraries have such functions, but Steam's crash before init and one has two
 * signatures under one name, so text is read and written here for every engine.
 */
#include "steamnet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool parse_number(const char **text, uint64_t limit, uint64_t *out)
{
    const char *at = *text;
    uint64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (at == *text)
        return false;
    *text = at;
    *out = value;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* --- addresses ----------------------------------------------------------------------------- */

static const uint8_t mapped_ipv4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool sn_address_is_ipv4(const SteamNetworkingIPAddr *address)
{
    return memcmp(address->m_ipv6, mapped_ipv4, sizeof mapped_ipv4) == 0;
}

static bool parse_ipv4(const char **text, uint8_t *bytes)
{
    const char *at = *text;
    for (int i = 0; i < 4; i++) {
        uint64_t part;
        if ((i > 0 && *at++ != '.') || !parse_number(&at, 255, &part))
            return false;
        bytes[i] = (uint8_t)part;
    }
    *text = at;
    return true;
}

static bool parse_ipv6(const char **text, uint8_t *bytes)
{
    uint8_t parsed[16] = {0};
    int used = 0, gap = -1;
    const char *at = *text;
    if (at[0] == ':' && at[1] != ':')
        return false;
    while (used < 16) {
        const char *group = at;
        unsigned value = 0;
        if (at[0] == ':' && at[1] == ':') {
            if (gap >= 0)
                return false;
            gap = used;
            at += 2;
            continue;
        }
        if (used > 0 && at[-1] != ':') {
            if (*at != ':')
                break;
            at++;
        }
        group = at;
        for (; hex_digit(*at) >= 0; at++) {
            value = value * 16 + (unsigned)hex_digit(*at);
            if (at - group >= 4)
                return false;
        }
        if (*at == '.' && used <= 12) { /* an IPv4 tail, as in ::ffff:1.2.3.4 */
            at = group;
            if (!parse_ipv4(&at, parsed + used))
                return false;
            used += 4;
            break;
        }
        if (at == group) {
            if (gap == used && used < 16)
                break;
            return false;
        }
        parsed[used++] = (uint8_t)(value >> 8);
        parsed[used++] = (uint8_t)value;
    }
    if (gap < 0 ? used != 16 : used > 14)
        return false;
    memset(bytes, 0, 16);
    if (gap < 0) {
        memcpy(bytes, parsed, 16);
    } else {
        memcpy(bytes, parsed, (size_t)gap);
        memcpy(bytes + 16 - (used - gap), parsed + gap, (size_t)(used - gap));
    }
    *text = at;
    return true;
}

bool sn_address_parse(SteamNetworkingIPAddr *address, const char *text)
{
    SteamNetworkingIPAddr parsed = {{0}, 0};
    const char *at = text;
    bool bracket = *at == '[';
    uint64_t port = 0;
    if (!bracket && parse_ipv4(&at, parsed.m_ipv6 + 12)) {
        memcpy(parsed.m_ipv6, mapped_ipv4, sizeof mapped_ipv4);
    } else {
        at = text + bracket;
        if (!parse_ipv6(&at, parsed.m_ipv6) || (bracket && *at++ != ']'))
            return false;
        if (!bracket && *at != '\0')
            return false;
    }
    if (*at == ':' && (at++, !parse_number(&at, 65535, &port)))
        return false;
    if (*at != '\0')
        return false;
    parsed.m_port = (uint16_t)port;
    *address = parsed;
    return true;
}

void sn_address_format(const SteamNetworkingIPAddr *address, char *text, int size, bool with_port)
{
    char host[48];
    const uint8_t *bytes = address->m_ipv6;
    if (sn_address_is_ipv4(address)) {
        snprintf(host, sizeof host, "%u.%u.%u.%u", bytes[12], bytes[13], bytes[14], bytes[15]);
    } else {
        int best = -1, best_length = 1, used = 0; /* "::" stands for the longest run of zero groups */
        for (int i = 0; i < 8; i++) {
            int end = i;
            while (end < 8 && bytes[2 * end] == 0 && bytes[2 * end + 1] == 0)
                end++;
            if (end - i > best_length) {
                best = i;
                best_length = end - i;
            }
        }
        for (int i = 0; i < 8; i++) {
            if (i == best) {
                used += snprintf(host + used, sizeof host - (size_t)used, "::");
                i += best_length - 1;
            } else {
                used += snprintf(host + used, sizeof host - (size_t)used, "%s%x",
                                 i > 0 && host[used - 1] != ':' ? ":" : "",
                                 (unsigned)(bytes[2 * i] << 8 | bytes[2 * i + 1]));
            }
        }
    }
    if (!with_port)
        snprintf(text, (size_t)size, "%s", host);
    else if (sn_address_is_ipv4(address))
        snprintf(text, (size_t)size, "%s:%u", host, address->m_port);
    else
        snprintf(text, (size_t)size, "[%s]:%u", host, address->m_port);
}

/* --- identities ----------------------------------------------------------------------------- */

static bool valid_steam_id(uint64_t id)
{
    unsigned account = (unsigned)id, instance = (unsigned)(id >> 32) & 0xfffff;
    unsigned type = (unsigned)(id >> 52) & 0xf, universe = (unsigned)(id >> 56);
    if (type < 1 || type > 10 || universe < 1 || universe > 4)
        return false;
    if (type == 1) /* a person */
        return account != 0 && instance <= 4;
    if (type == 7) /* a group */
        return account != 0 && instance == 0;
    return type != 3 || account != 0; /* 3: a game server */
}

static bool set_text(SteamNetworkingIdentity *identity, ESteamNetworkingIdentityType type,
                     const char *text, size_t limit)
{
    size_t length = strlen(text);
    if (length > limit)
        return false;
    identity->m_eType = type;
    identity->m_cbSize = (int)length + 1;
    memcpy(identity->m_szUnknownRawString, text, length + 1);
    return true;
}

static bool parse_into(SteamNetworkingIdentity *identity, const char *text)
{
    const char *colon = strchr(text, ':');
    const char *value = colon != NULL ? colon + 1 : NULL;
    size_t type_length = colon != NULL ? (size_t)(colon - text) : 0;
#define IS(prefix) (type_length == sizeof prefix - 1 && memcmp(text, prefix, sizeof prefix - 1) == 0)
    if (type_length == 0)
        return false;
    if (IS("steamid") || IS("psn")) {
        uint64_t id;
        if (!parse_number(&value, UINT64_MAX, &id) || *value != '\0')
            return false;
        if (IS("steamid") ? !valid_steam_id(id) : id == 0)
            return false;
        identity->m_eType = IS("steamid") ? k_ESteamNetworkingIdentityType_SteamID
                                          : k_ESteamNetworkingIdentityType_SonyPSN;
        identity->m_cbSize = (int)sizeof id;
        identity->m_steamID64 = id;
        return true;
    }
    if (IS("str"))
        return set_text(identity, k_ESteamNetworkingIdentityType_GenericString, value, 31);
    if (IS("xboxpwid"))
        return set_text(identity, k_ESteamNetworkingIdentityType_XboxPairwiseID, value, 32);
    if (IS("ip")) {
        SteamNetworkingIPAddr address;
        if (!sn_address_parse(&address, value))
            return false;
        identity->m_eType = k_ESteamNetworkingIdentityType_IPAddress;
        identity->m_cbSize = (int)sizeof address;
        identity->m_ip = address;
        return true;
    }
    if (IS("gen")) {
        size_t digits = strlen(value);
        if (digits < 2 || digits > 64 || digits % 2 != 0)
            return false;
        for (size_t i = 0; i < digits; i += 2) {
            int high = hex_digit(value[i]), low = hex_digit(value[i + 1]);
            if (high < 0 || low < 0)
                return false;
            identity->m_genericBytes[i / 2] = (uint8_t)(high * 16 + low);
        }
        identity->m_eType = k_ESteamNetworkingIdentityType_GenericBytes;
        identity->m_cbSize = (int)(digits / 2);
        return true;
    }
#undef IS
    /* A kind that only a newer peer knows: kept as it was written. */
    for (size_t i = 0; i < type_length; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return false;
    return set_text(identity, k_ESteamNetworkingIdentityType_UnknownType, text,
                    sizeof identity->m_szUnknownRawString - 1);
}

bool sn_identity_parse(SteamNetworkingIdentity *identity, const char *text)
{
    memset(identity, 0, sizeof *identity);
    if (parse_into(identity, text))
        return true;
    memset(identity, 0, sizeof *identity);
    return false;
}

void sn_identity_format(const SteamNetworkingIdentity *identity, char *text, int size)
{
    size_t limit = (size_t)size;
    switch (identity->m_eType) {
    case k_ESteamNetworkingIdentityType_SteamID:
        snprintf(text, limit, "steamid:%" PRIu64, identity->m_steamID64);
        break;
    case k_ESteamNetworkingIdentityType_SonyPSN:
        snprintf(text, limit, "psn:%" PRIu64, identity->m_steamID64);
        break;
    case k_ESteamNetworkingIdentityType_GenericString:
        snprintf(text, limit, "str:%.31s", identity->m_szGenericString);
        break;
    case k_ESteamNetworkingIdentityType_XboxPairwiseID:
        snprintf(text, limit, "xboxpwid:%.32s", identity->m_szXboxPairwiseID);
        break;
    case k_ESteamNetworkingIdentityType_UnknownType: {
        /* A peer may have written anything: it must not read as another user's identity. */
        SteamNetworkingIdentity read;
        char raw[sizeof identity->m_szUnknownRawString];
        snprintf(raw, sizeof raw, "%.127s", identity->m_szUnknownRawString);
        bool known = !sn_identity_parse(&read, raw) || read.m_eType != identity->m_eType;
        snprintf(text, limit, "%s%s", known ? "unknown:" : "", raw);
        break;
    }
    case k_ESteamNetworkingIdentityType_IPAddress: {
        char address[64];
        sn_address_format(&identity->m_ip, address, (int)sizeof address, identity->m_ip.m_port != 0);
        snprintf(text, limit, "ip:%s", address);
        break;
    }
    case k_ESteamNetworkingIdentityType_GenericBytes: {
        int used = snprintf(text, limit, "gen:");
        for (int i = 0; i < identity->m_cbSize && i < 32; i++)
            if (used > 0 && (size_t)used < limit)
                used += snprintf(text + used, limit - (size_t)used, "%02x", identity->m_genericBytes[i]);
        break;
    }
    case k_ESteamNetworkingIdentityType_Invalid:
        snprintf(text, limit, "invalid");
        break;
    default: /* a type newer than this file */
        snprintf(text, limit, "type%d:", identity->m_eType);
        break;
    }
}
