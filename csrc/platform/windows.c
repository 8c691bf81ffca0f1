/* The operating system's part on Windows: shared libraries, a lock, a clock, files, named pipes. */
#include "platform.h"

#ifdef _WIN32

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

void sn_lock(sn_mutex *mutex) { AcquireSRWLockExclusive((PSRWLOCK)&mutex->slim_lock); }
void sn_unlock(sn_mutex *mutex) { ReleaseSRWLockExclusive((PSRWLOCK)&mutex->slim_lock); }

static DWORD WINAPI run_thread(void *argument)
{
    const sn_thread *thread = argument;
    thread->run(thread->argument);
    return 0;
}

bool sn_thread_start(sn_thread *thread, void (*run)(void *argument), void *argument)
{
    thread->run = run;
    thread->argument = argument;
    thread->handle = CreateThread(NULL, 0, run_thread, thread, 0, NULL);
    return thread->handle != NULL;
}

void sn_thread_join(sn_thread *thread)
{
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
}

void sn_thread_never_preempts(void) {}

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

void sn_leave_exit_handlers_out(void) {} /* nothing forks here */

/* The system's words for its last error, with the subject where they have a place for one. */
static void error_text(char *text, size_t size, const wchar_t *subject)
{
    wchar_t wide[512];
    DWORD code = GetLastError(), flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_ARGUMENT_ARRAY;
    const wchar_t *inserts[] = {subject, subject, subject, subject, subject,
                                subject, subject, subject, subject};
    DWORD length = FormatMessageW(flags, NULL, code, 0, wide, 512, (va_list *)inserts);
    while (length > 0 && wcschr(L"\r\n .", wide[length - 1]) != NULL)
        wide[--length] = L'\0';
    if (length == 0 || WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, (int)size, NULL, NULL) <= 0)
        snprintf(text, size, "error %lu", (unsigned long)code);
}

void sn_last_error(char *text, size_t size) { error_text(text, size, L"it"); }

void *sn_library_open(const char *path, char *error, size_t error_size)
{
    wchar_t wide[32768] = L"";
    HMODULE library = NULL;
    if (MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, 32768) > 0)
        /* The library's own folder and the system's: never the current directory or PATH. */
        library = LoadLibraryExW(wide, NULL,
                                 LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
    if (library == NULL) {
        const wchar_t *slash = wcsrchr(wide, L'\\');
        error_text(error, error_size, slash != NULL ? slash + 1 : wide);
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
/* Here a thread has a locale of its own, or the program's: there is nothing to be given back. */
sn_locale sn_locale_c_numbers(void)
{
    int before = _configthreadlocale(_ENABLE_PER_THREAD_LOCALE);
    setlocale(LC_NUMERIC, "C");
    return before;
}

void sn_locale_restore(sn_locale before) { _configthreadlocale((int)before); }

bool sn_has_network(void) { return true; }

/* --- files of the rendezvous directory ------------------------------------------------------- */

enum { WIDE = 1024 };

static bool widen(const char *path, wchar_t *wide)
{
    return MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, WIDE) > 0;
}

static bool environment(const wchar_t *name, const char *tail, char *path, size_t size)
{
    wchar_t wide[WIDE];
    DWORD length = GetEnvironmentVariableW(name, wide, WIDE);
    int written;
    if (length == 0 || length >= WIDE)
        return false;
    written = WideCharToMultiByte(CP_UTF8, 0, wide, -1, path, (int)size, NULL, NULL);
    if (written <= 0 || (size_t)written + strlen(tail) > size)
        return false;
    memcpy(path + written - 1, tail, strlen(tail) + 1);
    return true;
}

typedef union own_user {
    TOKEN_USER token;
    unsigned char bytes[256];
} own_user;

static bool current_user(own_user *user)
{
    HANDLE token;
    DWORD length;
    BOOL known;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    known = GetTokenInformation(token, TokenUser, user, sizeof *user, &length);
    CloseHandle(token);
    return known;
}

/* Owned by this user, or by the administrators it belongs to. */
static bool is_own(HANDLE object)
{
    union {
        SECURITY_DESCRIPTOR descriptor;
        unsigned char bytes[512];
    } security;
    own_user user;
    PSID owner;
    BOOL member = FALSE, defaulted;
    DWORD length;
    if (!GetKernelObjectSecurity(object, OWNER_SECURITY_INFORMATION, &security, sizeof security,
                                 &length) ||
        !GetSecurityDescriptorOwner(&security, &owner, &defaulted) || owner == NULL)
        return false;
    CheckTokenMembership(NULL, owner, &member);
    return member || (current_user(&user) && EqualSid(user.token.User.Sid, owner));
}

/* This user's own, and not a link to elsewhere. What lies in a user's local application data is
 * out of reach for others by what it inherits. */
static bool is_private(const wchar_t *wide)
{
    DWORD attributes = GetFileAttributesW(wide);
    HANDLE directory;
    bool own;
    if (attributes == INVALID_FILE_ATTRIBUTES || !(attributes & FILE_ATTRIBUTE_DIRECTORY) ||
        (attributes & FILE_ATTRIBUTE_REPARSE_POINT))
        return false;
    directory = CreateFileW(wide, READ_CONTROL, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
                            FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (directory == INVALID_HANDLE_VALUE)
        return false;
    own = is_own(directory);
    CloseHandle(directory);
    return own;
}

bool sn_private_directory(char *path, size_t size, char *error, size_t error_size)
{
    wchar_t wide[WIDE];
    if (!environment(L"STEAMNET_LOOPBACK_DIR", "", path, size) &&
        !environment(L"LOCALAPPDATA", "\\steamnet", path, size)) {
        snprintf(error, error_size, "LOCALAPPDATA is not set");
        return false;
    }
    if (path[1] != ':' && strncmp(path, "\\\\", 2) != 0) {
        snprintf(error, error_size, "not an absolute path: %s", path);
        return false;
    }
    if (!widen(path, wide) ||
        (!CreateDirectoryW(wide, NULL) && GetLastError() != ERROR_ALREADY_EXISTS)) {
        char why[256];
        sn_last_error(why, sizeof why);
        snprintf(error, error_size, "%s: %s", why, path);
        return false;
    }
    if (!is_private(wide)) {
        snprintf(error, error_size, "not this user's own: %s", path);
        return false;
    }
    return true;
}

void sn_each_file(const char *path, void (*each)(const char *name))
{
    WIN32_FIND_DATAW found;
    wchar_t wide[WIDE + 2];
    char name[MAX_PATH * 3];
    HANDLE search;
    if (!widen(path, wide))
        return;
    wcscat(wide, L"\\*");
    search = FindFirstFileW(wide, &found);
    if (search == INVALID_HANDLE_VALUE)
        return;
    do
        if (WideCharToMultiByte(CP_UTF8, 0, found.cFileName, -1, name, sizeof name, NULL, NULL) > 0)
            each(name);
    while (FindNextFileW(search, &found));
    FindClose(search);
}

/* Shared with all, so that no reader blocks a writer. */
static HANDLE open_file(const char *path, DWORD access, DWORD how)
{
    wchar_t wide[WIDE];
    if (!widen(path, wide))
        return INVALID_HANDLE_VALUE;
    return CreateFileW(wide, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, how,
                       FILE_ATTRIBUTE_NORMAL, NULL);
}

bool sn_file_write(const char *path, const void *bytes, size_t size)
{
    HANDLE file = open_file(path, GENERIC_WRITE, CREATE_ALWAYS);
    DWORD written = 0;
    if (file == INVALID_HANDLE_VALUE)
        return false;
    WriteFile(file, bytes, (DWORD)size, &written, NULL);
    CloseHandle(file);
    return written == size;
}

size_t sn_file_read(const char *path, void *bytes, size_t size)
{
    HANDLE file = open_file(path, GENERIC_READ, OPEN_EXISTING);
    DWORD got = 0;
    if (file == INVALID_HANDLE_VALUE)
        return 0;
    if (!ReadFile(file, bytes, (DWORD)size, &got, NULL))
        got = 0;
    CloseHandle(file);
    return got;
}

void sn_file_remove(const char *path)
{
    wchar_t wide[WIDE];
    if (widen(path, wide))
        DeleteFileW(wide);
}

bool sn_file_still_named(intptr_t lock, const char *path)
{
    FILE_STANDARD_INFO info;
    (void)path; /* an open file keeps its name, unless it is about to be removed */
    return GetFileInformationByHandleEx((HANDLE)lock, FileStandardInfo, &info, sizeof info) &&
           !info.DeletePending;
}

intptr_t sn_file_lock(const char *path, int how)
{
    static const DWORD dispositions[] = {OPEN_EXISTING, OPEN_ALWAYS, CREATE_NEW, OPEN_EXISTING};
    OVERLAPPED where = {.Offset = 1 << 30}; /* beyond what is in it, which others may read */
    DWORD flags = LOCKFILE_FAIL_IMMEDIATELY | (how == SN_LOCK_SHARED ? 0 : LOCKFILE_EXCLUSIVE_LOCK);
    HANDLE file = open_file(path, GENERIC_READ | GENERIC_WRITE, dispositions[how]);
    if (file == INVALID_HANDLE_VALUE)
        return dispositions[how] != OPEN_EXISTING || GetLastError() == ERROR_FILE_NOT_FOUND ? -1 : -2;
    if (LockFileEx(file, flags, 0, 1, 0, &where) && sn_file_still_named((intptr_t)file, path))
        return (intptr_t)file;
    CloseHandle(file);
    return -2;
}

void sn_file_unlock(intptr_t lock) { CloseHandle((HANDLE)lock); }

/* --- local stream sockets ------------------------------------------------------------------- */

/* Named pipes: AF_UNIX came late to Windows, and Wine has none. The pipe is named after its file,
 * in a name space that all users share: what the system lets in is this user only. */
enum {
    INSTANCES = 8, /* connections between two polls; others must try again */
    POLL = 1000,   /* µs between two polls of a listening pipe */
    PIPE = 65536,  /* bytes in transit */
    CHUNK = 16384, /* bytes written at once: all of them, or none */
};

typedef struct sn_pipe {
    HANDLE ends[INSTANCES]; /* of a stream only the first */
    wchar_t name[64];       /* of a listening pipe */
    int64_t polled;         /* when nothing was pending */
} sn_pipe;

static sn_pipe *new_pipe(HANDLE end)
{
    sn_pipe *made = end != INVALID_HANDLE_VALUE ? malloc(sizeof *made) : NULL;
    if (made != NULL) {
        made->polled = 0;
        made->ends[0] = end;
        for (int i = 1; i < INSTANCES; i++)
            made->ends[i] = INVALID_HANDLE_VALUE;
    } else if (end != INVALID_HANDLE_VALUE) {
        CloseHandle(end);
    }
    return made;
}

static sn_socket socket_of(sn_pipe *pipe) { return pipe != NULL ? (sn_socket)pipe : SN_NO_SOCKET; }

static bool name_pipe(const char *path, wchar_t *name)
{
    static const wchar_t PREFIX[] = L"\\\\.\\pipe\\steamnet-";
    enum { LENGTH = sizeof PREFIX / sizeof *PREFIX - 1 };
    const char *slash = strrchr(path, '/');
    memcpy(name, PREFIX, sizeof PREFIX);
    return MultiByteToWideChar(CP_UTF8, 0, slash != NULL ? slash + 1 : path, -1, name + LENGTH,
                               64 - LENGTH) > 0;
}

/* One more instance of the pipe, for one connection. */
static HANDLE new_instance(const wchar_t *name, DWORD first)
{
    union {
        ACL list;
        unsigned char bytes[512];
    } access;
    SECURITY_DESCRIPTOR descriptor;
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, &descriptor, FALSE};
    own_user user;
    if (!current_user(&user) || !InitializeAcl(&access.list, sizeof access, ACL_REVISION) ||
        !AddAccessAllowedAce(&access.list, ACL_REVISION, GENERIC_ALL, user.token.User.Sid) ||
        !InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION) ||
        !SetSecurityDescriptorDacl(&descriptor, TRUE, &access.list, FALSE))
        return INVALID_HANDLE_VALUE;
    return CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX | first,
                            PIPE_TYPE_BYTE | PIPE_NOWAIT | PIPE_REJECT_REMOTE_CLIENTS,
                            PIPE_UNLIMITED_INSTANCES, PIPE, PIPE, 0, &attributes);
}

sn_socket sn_socket_listen(const char *path)
{
    wchar_t name[64];
    sn_pipe *pipe = name_pipe(path, name) ? new_pipe(new_instance(name, FILE_FLAG_FIRST_PIPE_INSTANCE)) : NULL;
    if (pipe != NULL) {
        memcpy(pipe->name, name, sizeof name);
        for (int i = 1; i < INSTANCES; i++)
            pipe->ends[i] = new_instance(name, 0);
    }
    return socket_of(pipe);
}

/* Also one that has closed already: its data can still be read. */
static bool is_connected(HANDLE end)
{
    return end != INVALID_HANDLE_VALUE && !ConnectNamedPipe(end, NULL) &&
           (GetLastError() == ERROR_PIPE_CONNECTED || GetLastError() == ERROR_NO_DATA);
}

sn_socket sn_socket_accept(sn_socket listening)
{
    sn_pipe *pipe = (sn_pipe *)listening;
    if (sn_now() < pipe->polled + POLL)
        return SN_NO_SOCKET;
    for (int i = 0; i < INSTANCES; i++) {
        HANDLE end = pipe->ends[i];
        if (end != INVALID_HANDLE_VALUE && !is_connected(end))
            continue;
        pipe->ends[i] = new_instance(pipe->name, 0);
        if (end != INVALID_HANDLE_VALUE)
            return socket_of(new_pipe(end));
    }
    pipe->polled = sn_now();
    return SN_NO_SOCKET;
}

sn_socket sn_socket_connect(const char *path)
{
    wchar_t name[64];
    DWORD mode = PIPE_READMODE_BYTE | PIPE_NOWAIT;
    HANDLE end = INVALID_HANDLE_VALUE;
    if (name_pipe(path, name))
        end = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                          SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, NULL);
    if (end != INVALID_HANDLE_VALUE &&
        !(is_own(end) && SetNamedPipeHandleState(end, &mode, NULL, NULL))) {
        CloseHandle(end);
        end = INVALID_HANDLE_VALUE;
    }
    return socket_of(new_pipe(end));
}

/* A pipe is there for as long as one end is open; of handles there are enough. */
sn_socket sn_socket_spare(void) { return SN_NO_SOCKET; }
bool sn_socket_exists(const char *path) { return (void)path, true; }
bool sn_too_many_files(sn_socket newest) { return (void)newest, false; }

ptrdiff_t sn_socket_send(sn_socket socket, const void *bytes, size_t size)
{
    DWORD sent;
    if (!WriteFile(((sn_pipe *)socket)->ends[0], bytes, size < CHUNK ? (DWORD)size : CHUNK, &sent, NULL))
        return -1;
    return (ptrdiff_t)sent;
}

ptrdiff_t sn_socket_receive(sn_socket socket, void *bytes, size_t size)
{
    DWORD got;
    if (!ReadFile(((sn_pipe *)socket)->ends[0], bytes, size < PIPE ? (DWORD)size : PIPE, &got, NULL))
        return GetLastError() == ERROR_NO_DATA ? 0 : -1;
    return (ptrdiff_t)got;
}

void sn_socket_close(sn_socket socket)
{
    sn_pipe *closing = (sn_pipe *)socket;
    for (int i = 0; i < INSTANCES; i++)
        if (closing->ends[i] != INVALID_HANDLE_VALUE)
            CloseHandle(closing->ends[i]);
    free(closing);
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* No call of Windows tells which of many named pipes can be read: each has to be asked. */
sn_poller sn_poller_open(void) { return SN_NO_POLLER; }
bool sn_poller_watch(sn_poller poller, sn_socket socket, int before, int wanted, void *owner)
{
    return (void)poller, (void)socket, (void)before, (void)wanted, (void)owner, false;
}
int sn_poller_ready(sn_poller poller, void **owners, int room)
{
    return (void)poller, (void)owners, (void)room, 0;
}
void sn_poller_wait(sn_poller poller, int64_t microseconds) { (void)poller, sn_sleep(microseconds); }
void sn_poller_close(sn_poller poller) { (void)poller; }
bool sn_poller_alarm(sn_poller poller, intptr_t *alarm, int64_t microseconds)
{
    return (void)poller, (void)alarm, (void)microseconds, false;
}
void sn_alarm_close(intptr_t *alarm) { (void)alarm; }

bool sn_waker_open(sn_waker *waker)
{
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    *waker = (sn_waker)SN_NO_WAKER;
    if (event != NULL)
        waker->read = (intptr_t)event;
    return event != NULL;
}

void sn_waker_wake(sn_waker *waker)
{
    if (waker->read != -1)
        SetEvent((HANDLE)waker->read);
}

void sn_waker_clear(sn_waker *waker)
{
    if (waker->read != -1)
        ResetEvent((HANDLE)waker->read);
}

intptr_t sn_waker_handle(const sn_waker *waker) { return waker->read; }

void sn_waker_wait(sn_waker *waker, int64_t microseconds)
{
    if (waker->read != -1)
        WaitForSingleObject((HANDLE)waker->read, (DWORD)((microseconds + 999) / 1000));
    else
        sn_sleep(microseconds);
}

void sn_waker_close(sn_waker *waker)
{
    if (waker->read != -1)
        CloseHandle((HANDLE)waker->read);
    *waker = (sn_waker)SN_NO_WAKER;
}

#endif
