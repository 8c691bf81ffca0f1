// Holds our headers to Valve's own: compiling it is the test, and it emits no code.
//
// test_layout.py writes constants.inc, with CONSTANT(k_...) for each constant of ours, and flat.inc,
// the rows of flat.def, with METHOD for FLAT where Valve declares a method but no flat function. It
// compiles this with the folder of those two, csrc/ and Valve's headers on the include path.
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <steam/isteamnetworkingmessages.h>
#include <steam/isteamnetworkingsockets.h>
#include <steam/isteamnetworkingutils.h>
#include <steam/steamnetworkingsockets_flat.h>

namespace ours {
struct SteamNetworkingMessage_t; // or valve.h's typedef would find Valve's
#include "valve.h"
}

// --- sizes and offsets: layout.def speaks of Valve's structs ------------------------------------

namespace valves {
// Two of the Steamworks SDK only: ours are held to layout.def alone.
using ours::CallbackMsg_t;
using ours::SteamNetworkingFakeIPResult_t;

#define WINDOWS_OR(windows, elsewhere) elsewhere
#define SIZE(type, bytes)                                                                                  \
    static_assert(sizeof(type) == (bytes), "Valve's " #type " has another size");                          \
    static_assert(sizeof(ours::type) == sizeof(type), "our " #type " has another size");
#define FIELD(type, field, offset)                                                                         \
    static_assert(offsetof(type, field) == (offset), "Valve's " #type "." #field " lies elsewhere");       \
    static_assert(sizeof(ours::type::field) == sizeof(type::field), #type "." #field " has another size");
#include "layout.def"
} // namespace valves

// --- constants ----------------------------------------------------------------------------------

#define CONSTANT(name)                                                                                     \
    static_assert(static_cast<long long>(ours::name) == static_cast<long long>(::name), #name " differs");
#include "constants.inc"

// --- functions: flat.def read with Valve's types -------------------------------------------

// Types that pass alike: references are pointers, const changes nothing, integers go by size.
template <class T> struct passed {
    using type = T;
};
template <class T> struct passed<T *> {
    using type = typename passed<std::remove_const_t<T>>::type *;
};
template <class T> struct passed<T &> : passed<T *> {};
template <class T, std::size_t N> struct passed<T (&)[N]> : passed<T *> {};
template <class T> struct passed<T *const> : passed<T *> {};
template <> struct passed<long> : std::conditional<sizeof(long) == 8, long long, int> {};
template <> struct passed<unsigned long> : std::conditional<sizeof(long) == 8, unsigned long long, unsigned> {};
template <class Result, class... Parameters> struct passed<Result(Parameters...)> {
    using type = typename passed<Result>::type(typename passed<std::remove_const_t<Parameters>>::type...);
};

// A method is called with its object first.
template <class Class, class Result, class... Parameters>
struct passed<Result (Class::*)(Parameters...)> : passed<Result(Class *, Parameters...)> {};

#define SAME(ret, interface, name, parameters, valves)                                                     \
    typedef ret flat_##interface##_##name parameters;                                                      \
    static_assert(std::is_same<passed<flat_##interface##_##name>::type, passed<valves>::type>::value,      \
                  #interface "_" #name " has another signature");
#define FLAT(need, gil, ret, interface, name, parameters, dead)                                            \
    SAME(ret, interface, name, parameters, decltype(SteamAPI_##interface##_##name))
#define METHOD(need, gil, ret, interface, name, parameters, dead)                                          \
    SAME(ret, interface, name, parameters, decltype(&interface::name))
#include "flat.inc"
