#include "agent/base/error.h"

#include <stdarg.h>
#include <stdio.h>

bool error_set(char *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, ERROR_BYTES, format, args);
    va_end(args);
    return false;
}
