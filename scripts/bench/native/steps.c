/*
 * Runs a thread of another process instruction by instruction, and writes down where each was: 64-bit addresses, from
 * one visit of a place on, up to another visit of it.
 *
 *     steps PROCESS THREAD PLACE VISITS FILE
 *
 * PLACE is hexadecimal. The other threads of the process stand still meanwhile.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_STEPS 20000000
/* Without a step: a thread that stands still holds what the other waits for. */
#define STUCK_SECONDS 5

static volatile long steps;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void look(int signal)
{
    static long seen = -1;

    if (steps == seen) {
        static const char text[] = "the thread waits for another\n";

        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
        _exit(4);
    }
    seen = steps;
    alarm(STUCK_SECONDS);
}

static void stop(pid_t thread)
{
    int status;

    if (ptrace(PTRACE_SEIZE, thread, 0, 0) < 0 ||
        ptrace(PTRACE_INTERRUPT, thread, 0, 0) < 0 ||
        waitpid(thread, &status, __WALL) != thread) {
        die("stopping a thread");
    }
}

static void hold_others(pid_t process, pid_t thread)
{
    struct dirent *entry;
    char path[64];
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", process);
    tasks = opendir(path);
    if (!tasks) {
        die(path);
    }
    while ((entry = readdir(tasks))) {
        pid_t other = atoi(entry->d_name);

        if (other != 0 && other != thread) {
            stop(other);
        }
    }
    closedir(tasks);
}

/* On one CPU with it: nobody has to be woken on another at each step */
static void move_to(pid_t thread)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(0, &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0 ||
        sched_setaffinity(thread, sizeof(set), &set) < 0) {
        die("choosing a CPU");
    }
}

/* One instruction; a signal that comes instead is delivered with the next */
static uint64_t step(pid_t thread)
{
    static long deliver;
    int status;

    for (;;) {
        if (ptrace(PTRACE_SINGLESTEP, thread, 0, deliver) < 0 ||
            waitpid(thread, &status, __WALL) != thread ||
            !WIFSTOPPED(status)) {
            die("a step");
        }
        if (WSTOPSIG(status) == SIGTRAP && status >> 16 == 0) {
            deliver = 0;
            return ptrace(PTRACE_PEEKUSER, thread,
                          offsetof(struct user_regs_struct, rip), 0);
        }
        deliver = status >> 16 ? 0 : WSTOPSIG(status);
    }
}

int main(int argc, char **argv)
{
    bool recording = false;
    pid_t process, thread;
    uint64_t place;
    long visits;
    FILE *file;

    if (argc != 6) {
        return 2;
    }
    process = atoi(argv[1]);
    thread = atoi(argv[2]);
    place = strtoull(argv[3], NULL, 16);
    visits = atol(argv[4]);
    file = fopen(argv[5], "wb");
    if (!file) {
        die(argv[5]);
    }
    signal(SIGALRM, look);
    alarm(STUCK_SECONDS);
    hold_others(process, thread);
    stop(thread);
    move_to(thread);
    for (steps = 0; visits >= 0 && steps < MOST_STEPS; steps++) {
        uint64_t address = step(thread);

        visits -= address == place;
        recording |= address == place;
        if (recording) {
            fwrite(&address, sizeof(address), 1, file);
        }
    }
    if (fclose(file) != 0) {
        die(argv[5]);
    }
    /* The kernel lets all threads go on when this process ends. */
    return visits < 0 ? 0 : 3;
}
