/* Runs a program and says what it and all its children cost, on one line of standard error:
 * CPU and wall time in microseconds, resident memory of the largest process in KiB.
 *
 *   cc -O2 -static -o cost cost.c
 *   cost PROGRAM [ARGUMENT...]
 *
 * Exit code: the program's. */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long microseconds(struct timeval time) { return time.tv_sec * 1000000L + time.tv_usec; }

int main(int count, char **arguments) {
    if (count < 2) errx(2, "usage: cost PROGRAM [ARGUMENT...]");
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t child = vfork();
    if (child == 0) {
        execvp(arguments[1], arguments + 1);
        _exit(127);
    }
    int status;
    struct rusage used;
    if (child < 0 || wait4(child, &status, 0, &used) < 0) err(2, "%s", arguments[1]);
    clock_gettime(CLOCK_MONOTONIC, &end);
    long wall = (end.tv_sec - start.tv_sec) * 1000000L + (end.tv_nsec - start.tv_nsec) / 1000;
    fprintf(stderr, "cost: %ld %ld %ld\n", microseconds(used.ru_utime) + microseconds(used.ru_stime), wall, used.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
