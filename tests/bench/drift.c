/* Spoils something that is managed and says how long it took until it was in order again, in microseconds.
 *
 *   cc -O2 -static -o drift drift.c
 *   drift file PATH       overwrites a file and waits until it holds what it held before
 *   drift unit NAME       kills a service's processes and waits until it has others
 *
 * Exit code: 0, or 1 if it was not in order again after ten seconds. */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static ssize_t contents(const char *path, char *buffer, size_t size) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t length = read(file, buffer, size);
    close(file);
    return length;
}

static long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000L + time.tv_nsec / 1000;
}

int main(int count, char **arguments) {
    static char before[1 << 16], after[sizeof before];
    if (count != 3) errx(2, "usage: drift file PATH | unit NAME");
    char path[4096];
    int is_unit = strcmp(arguments[1], "unit") == 0;
    snprintf(path, sizeof path, is_unit ? "/sys/fs/cgroup/system.slice/%s/cgroup.procs" : "%s", arguments[2]);
    /* Where systemd has a hierarchy of its own beside the kernel's older ones. */
    if (is_unit && access(path, F_OK) < 0)
        snprintf(path, sizeof path, "/sys/fs/cgroup/systemd/system.slice/%s/cgroup.procs", arguments[2]);
    ssize_t length = contents(path, before, sizeof before - 1);
    if (length < 0) err(2, "%s", path);
    long begun = now();
    if (is_unit) {
        for (char *line = strtok(strdup(before), "\n"); line; line = strtok(NULL, "\n")) kill(atoi(line), SIGKILL);
    } else {
        int file = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (file < 0 || write(file, "drift\n", 6) != 6 || close(file) < 0) err(2, "%s", path);
    }
    while (now() - begun < 10000000L) {
        ssize_t found = contents(path, after, sizeof after);
        int same = found == length && memcmp(before, after, found) == 0;
        if (is_unit ? found > 0 && !same : same) {
            printf("%ld\n", now() - begun);
            return 0;
        }
        usleep(200);
    }
    return 1;
}
