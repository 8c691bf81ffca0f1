/* Lines of debug output. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

void lo_log(lo_user *user, int level, const char *format, ...)
{
    enum { ENOUGH = 1000 };
    va_list arguments;
    lo_log_entry *line;
    if (user->debug_output == NULL || level > user->debug_level || user->line_count >= ENOUGH)
        return;
    line = lo_alloc(sizeof *line);
    if (line == NULL)
        return;
    line->level = level;
    va_start(arguments, format);
    vsnprintf(line->text, sizeof line->text, format, arguments);
    va_end(arguments);
    LO_APPEND(&user->lines, line, queued);
    user->line_count++;
}
