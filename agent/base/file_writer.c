#include "agent/base/file_writer.h"

#include "agent/base/file.h"
#include "agent/base/log.h"
#include "agent/base/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A text on its way to disk. Holds its own descriptor of the directory: a job that outlives its
 * writer must not write to whatever has taken its number by then. */
struct write_job {
    struct file_writer *writer;
    struct worker *worker;
    const char *file;
    int dir_fd;
    int error; /* errno of what failed, 0 for none, ECANCELED: it never ran */
    file_writer_done_fn *done;
    void *arg;
    size_t len;
    char bytes[];
};

struct file_writer {
    const char *dir, *file, *consequence;
    int dir_fd;
    bool failed;            /* and that was logged */
    bool busy;              /* the worker has a job */
    struct write_job *next; /* its next one; NULL: none */
};

struct file_writer *file_writer_new(const char *dir, int dir_fd, const char *file,
                                    const char *consequence)
{
    struct file_writer *fw = calloc(1, sizeof *fw);
    if (!fw)
        return NULL;
    *fw = (struct file_writer){.dir = dir, .file = file, .consequence = consequence};
    fw->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    if (fw->dir_fd >= 0)
        return fw;
    free(fw);
    return NULL;
}

static void write_job_free(struct write_job *job)
{
    if (!job)
        return;
    if (job->dir_fd >= 0)
        close(job->dir_fd);
    free(job);
}

void file_writer_free(struct file_writer *fw)
{
    if (!fw)
        return;
    write_job_free(fw->next);
    close(fw->dir_fd);
    free(fw);
}

static void file_writer_report(struct file_writer *fw, int error)
{
    if (error != 0 && !fw->failed)
        log_error("%s/%s: cannot be written: %s; make room and let the agent's user write there. "
                  "Until then, %s",
                  fw->dir, fw->file, strerror(error), fw->consequence);
    if (error == 0 && fw->failed)
        log_info("%s/%s: written again", fw->dir, fw->file);
    fw->failed = error != 0;
}

static void write_job_run(void *arg)
{
    struct write_job *job = arg;
    job->error = file_replace(job->dir_fd, job->file, job->bytes, job->len) ? 0 : errno;
}

static bool write_job_submit(struct write_job *job);

static void write_job_done(void *arg)
{
    struct write_job *job = arg;
    struct file_writer *fw = job->writer;
    if (job->error != ECANCELED)
        file_writer_report(fw, job->error);
    fw->busy = false;
    if (fw->next && write_job_submit(fw->next))
        fw->next = NULL;
    if (job->done)
        job->done(job->arg, job->error == 0);
    write_job_free(job);
}

static bool write_job_submit(struct write_job *job)
{
    job->writer->busy = worker_submit(job->worker, write_job_run, write_job_done, job);
    return job->writer->busy;
}

static struct write_job *write_job_new(struct file_writer *fw, struct worker *w, const char *bytes,
                                       size_t len)
{
    struct write_job *job = malloc(sizeof *job + len);
    if (!job)
        return NULL;
    *job = (struct write_job){
        .writer = fw, .worker = w, .file = fw->file, .error = ECANCELED, .len = len};
    memcpy(job->bytes, bytes, len);
    job->dir_fd = fcntl(fw->dir_fd, F_DUPFD_CLOEXEC, 0);
    if (job->dir_fd >= 0)
        return job;
    write_job_free(job);
    return NULL;
}

bool file_writer_write(struct file_writer *fw, struct worker *w, const char *bytes, size_t len,
                       file_writer_done_fn *done, void *arg)
{
    struct write_job *job = write_job_new(fw, w, bytes, len);
    if (!job) {
        file_writer_report(fw, errno);
        return false;
    }
    job->done = done;
    job->arg = arg;
    write_job_free(fw->next);
    fw->next = NULL;
    if (fw->busy)
        fw->next = job;
    else if (!write_job_submit(job)) {
        write_job_free(job);
        return false;
    }
    return true;
}
