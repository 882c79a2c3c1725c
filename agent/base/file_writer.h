/* file_writer: keeps one file of a directory up to date, off the event loop. At most one write is
 * under way; of texts that wait for it, the newest wins. */
#ifndef MUSTER_BASE_FILE_WRITER_H
#define MUSTER_BASE_FILE_WRITER_H

#include <stdbool.h>
#include <stddef.h>

struct file_writer;
struct worker;

/* dir, file: borrowed for as long as the writer lives; dir_fd: during the call. consequence: what
 * it means if the file cannot be written, for the log (borrowed): that is logged once, and so is
 * its end. NULL with errno. */
struct file_writer *file_writer_new(const char *dir, int dir_fd, const char *file,
                                    const char *consequence);
/* Call after worker_free. Texts that wait are not written any more. NULL: nothing. */
void file_writer_free(struct file_writer *fw);

/* From the owner's thread: the text is on disk, or (not ok) an earlier one is. */
typedef void file_writer_done_fn(void *arg, bool ok);

/* Has the worker write the text (copied). done: NULL, or called once; not for a text that a newer
 * one has replaced before its turn. False: out of memory, or the worker has too much to do: nothing
 * is written, and done is not called. */
bool file_writer_write(struct file_writer *fw, struct worker *w, const char *bytes, size_t len,
                       file_writer_done_fn *done, void *arg);

#endif
