/* array: arrays on the heap that double as they fill. Header-only, so that the core, which links
 * nothing, can use it. */
#ifndef MUSTER_BASE_ARRAY_H
#define MUSTER_BASE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_CAPACITY_FIRST 16

/* Makes room for `needed` elements. all: an lvalue, the array (owned, NULL with a capacity of 0);
 * capacity: an lvalue of any unsigned type. False: out of memory, and nothing changed. */
#define ARRAY_RESERVE(all, capacity, needed)                                                       \
    ((needed) <= (capacity) ||                                                                     \
     (array_resize(&(all), array_capacity((capacity), (needed)), sizeof *(all)) &&                 \
      ((capacity) = (__typeof__(capacity))array_capacity((capacity), (needed))) > 0))

/* The same for tools that can do nothing without memory: aborts. */
#define ARRAY_MUST_RESERVE(all, capacity, needed)                                                  \
    (ARRAY_RESERVE(all, capacity, needed) ? (void)0 : abort())

/* The capacity that holds `needed` elements, from the one so far. */
static inline size_t array_capacity(size_t capacity, size_t needed)
{
    capacity = capacity ? capacity : ARRAY_CAPACITY_FIRST;
    while (capacity < needed)
        capacity *= 2;
    return capacity;
}

/* all_at: where the pointer to the array stands. False: out of memory, and nothing changed. */
static inline bool array_resize(void *all_at, size_t capacity, size_t element_bytes)
{
    void *all;
    memcpy(&all, all_at, sizeof all);
    if (capacity > SIZE_MAX / element_bytes)
        return false;
    void *grown = realloc(all, capacity * element_bytes);
    if (!grown)
        return false;
    memcpy(all_at, &grown, sizeof grown);
    /* cppcheck-suppress memleak ; the caller's pointer has it */
    return true;
}

#endif
