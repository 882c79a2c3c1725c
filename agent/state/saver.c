#include "agent/state/saver.h"

#include "agent/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A text on its way to disk. Holds its own descriptor of the directory: a job that outlives its
 * saver must not write to whatever has taken its number by then. */
struct save {
    struct saver *saver;
    struct worker *worker;
    int dir_fd;
    const char *file;
    int error; /* errno of what failed, 0 for none, ECANCELED: it never ran */
    saver_done_fn *done;
    void *arg;
    struct statefile text;
};

struct saver {
    const char *dir, *file, *consequence;
    int dir_fd;
    struct save *saving; /* what the worker has */
    struct save *next;   /* what it gets then */
    bool failed;         /* and that was said */
};

struct saver *saver_new(const char *dir, int dir_fd, const char *file, const char *consequence)
{
    struct saver *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    *s = (struct saver){.dir = dir, .file = file, .consequence = consequence};
    s->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    if (s->dir_fd >= 0)
        return s;
    free(s);
    return NULL;
}

static void save_free(struct save *save)
{
    if (save == NULL)
        return;
    close(save->dir_fd);
    free(save);
}

void saver_free(struct saver *s)
{
    if (s == NULL)
        return;
    save_free(s->next);
    close(s->dir_fd);
    free(s);
}

static void save_run(void *arg)
{
    struct save *save = arg;

    save->error = statefile_write(save->dir_fd, save->file, &save->text) ? 0 : errno;
}

static void say_once(struct saver *s, int error)
{
    if (error != 0 && !s->failed)
        log_error("%s/%s: cannot be written: %s; make room and let the agent's user write there. "
                  "Until then, %s",
                  s->dir, s->file, strerror(error), s->consequence);
    if (error == 0 && s->failed)
        log_info("%s/%s: written again", s->dir, s->file);
    s->failed = error != 0;
}

static void save_start(struct saver *s);

static void save_done(void *arg)
{
    struct save *save = arg;
    struct saver *s = save->saver;

    if (save->error != ECANCELED)
        say_once(s, save->error);
    s->saving = NULL;
    save_start(s);
    if (save->done != NULL)
        save->done(save->arg, save->error == 0);
    save_free(save);
}

/* Gives the worker what waits, unless it is at it or full; the next call tries again. */
static void save_start(struct saver *s)
{
    if (s->saving != NULL || s->next == NULL)
        return;
    if (worker_submit(s->next->worker, save_run, save_done, s->next)) {
        s->saving = s->next;
        s->next = NULL;
    }
}

static struct save *save_new(struct saver *s, struct worker *w)
{
    struct save *save = calloc(1, sizeof *save);

    if (save == NULL)
        return NULL;
    *save = (struct save){.saver = s, .worker = w, .file = s->file, .error = ECANCELED};
    save->dir_fd = fcntl(s->dir_fd, F_DUPFD_CLOEXEC, 0);
    if (save->dir_fd >= 0)
        return save;
    free(save);
    return NULL;
}

bool saver_save(struct saver *s, struct worker *w, const struct statefile *text,
                saver_done_fn *done, void *arg)
{
    if (s->next == NULL)
        s->next = save_new(s, w);
    if (s->next == NULL) {
        say_once(s, errno);
        return false;
    }
    s->next->text = *text;
    s->next->done = done;
    s->next->arg = arg;
    save_start(s);
    if (s->next == NULL || s->saving != NULL)
        return true;
    s->next->done = NULL;
    return false;
}
