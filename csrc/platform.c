/* The operating system's part: shared libraries, a lock, a clock, local sockets. */
#include "platform.h"

#include <stdio.h>
#include <string.h>

#ifdef _WIN32

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

void sn_lock(sn_mutex *mutex) { AcquireSRWLockExclusive((PSRWLOCK)&mutex->slim_lock); }
void sn_unlock(sn_mutex *mutex) { ReleaseSRWLockExclusive((PSRWLOCK)&mutex->slim_lock); }

int64_t sn_now(void)
{
    LARGE_INTEGER ticks, frequency;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&frequency);
    return (ticks.QuadPart / frequency.QuadPart) * 1000000 +
           (ticks.QuadPart % frequency.QuadPart) * 1000000 / frequency.QuadPart;
}

void sn_sleep(int64_t microseconds) { Sleep((DWORD)((microseconds + 999) / 1000)); }

uint32_t sn_process_id(void) { return GetCurrentProcessId(); }

void *sn_library_open(const char *path, char *error, size_t error_size)
{
    wchar_t wide[32768];
    HMODULE library = NULL;
    if (MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, 32768) > 0)
        /* The library's own folder and the system's: never the current directory or PATH. */
        library = LoadLibraryExW(wide, NULL,
                                 LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
    if (library == NULL) {
        DWORD code = GetLastError();
        DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                                      code, 0, error, (DWORD)error_size, NULL);
        while (length > 0 && (error[length - 1] == '\n' || error[length - 1] == '\r'))
            error[--length] = '\0';
        if (length == 0)
            snprintf(error, error_size, "error %lu", (unsigned long)code);
    }
    return library;
}

bool sn_library_symbol(void *library, const char *name, void *function)
{
    FARPROC address = GetProcAddress((HMODULE)library, name);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

void sn_library_pin(void (*function)(void))
{
    HMODULE library;
    LPCWSTR address;
    memcpy(&address, &function, sizeof address);
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, address,
                       &library);
}

/* Not asked: Windows without any network is too rare a place to connect from. */
bool sn_has_network(void) { return true; }

#else /* POSIX */

#include <dlfcn.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void sn_lock(sn_mutex *mutex) { pthread_mutex_lock(&mutex->mutex); }
void sn_unlock(sn_mutex *mutex) { pthread_mutex_unlock(&mutex->mutex); }

int64_t sn_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void sn_sleep(int64_t microseconds)
{
    struct timespec pause = {(time_t)(microseconds / 1000000), (long)(microseconds % 1000000) * 1000};
    nanosleep(&pause, NULL);
}

uint32_t sn_process_id(void) { return (uint32_t)getpid(); }

bool sn_has_network(void)
{
    struct ifaddrs *all;
    bool found = false;
    if (getifaddrs(&all) != 0)
        return true; /* unknown */
    for (const struct ifaddrs *one = all; one != NULL && !found; one = one->ifa_next)
        found = one->ifa_addr != NULL && (one->ifa_flags & IFF_UP) && !(one->ifa_flags & IFF_LOOPBACK) &&
                (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6);
    freeifaddrs(all);
    return found;
}

void *sn_library_open(const char *path, char *error, size_t error_size)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *reason = dlerror();
        snprintf(error, error_size, "%s", reason != NULL ? reason : "cannot be loaded");
    }
    return library;
}

bool sn_library_symbol(void *library, const char *name, void *function)
{
    void *address = dlsym(library, name);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

void sn_library_pin(void (*function)(void))
{
    void *address;
    Dl_info found;
    memcpy(&address, &function, sizeof address);
    if (dladdr(address, &found) != 0 && found.dli_fname != NULL)
        dlopen(found.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

#endif
