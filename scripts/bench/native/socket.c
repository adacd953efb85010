/*
 * Both ends of a device behind a Unix socket: each access is a request, and is over when its answer is there.
 *
 *     socket client PATH TIMES LOOPS    asks; prints ns for one access, of each loop, as unicorn-device.py does
 *     socket server PATH                answers, until the client goes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { READ = 0, MIS = 0x40, WARMUP = 10 };

typedef struct Request {
    uint32_t kind;
    uint32_t size;
    uint64_t offset;
    uint64_t value;
} Request;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static int socket_at(const char *path, struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    if (fd < 0 || strlen(path) >= sizeof(address->sun_path)) {
        die("socket");
    }
    strcpy(address->sun_path, path);
    return fd;
}

static uint64_t ask(int fd, uint64_t offset)
{
    Request request = { .kind = READ, .size = 4, .offset = offset };
    uint64_t answer;

    if (write(fd, &request, sizeof(request)) != sizeof(request) ||
        read(fd, &answer, sizeof(answer)) != sizeof(answer)) {
        die("asking");
    }
    return answer;
}

static void client(const char *path, int times, int loops)
{
    struct sockaddr_un address;
    int fd = socket_at(path, &address), loop, i;

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        die("connect");
    }
    printf("{\"empty\":[0],\"read\":[");
    for (loop = 0; loop < loops + WARMUP; loop++) {
        double start = now();

        for (i = 0; i < times; i++) {
            ask(fd, MIS);
        }
        if (loop >= WARMUP) {
            printf("%s%.1f", loop > WARMUP ? "," : "", (now() - start) / times);
        }
    }
    printf("]}\n");
}

static void server(const char *path)
{
    static const uint32_t level = 0x20, enabled;
    struct sockaddr_un address;
    int fd = socket_at(path, &address), peer;
    Request request;

    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, 1) < 0) {
        die("listen");
    }
    puts("listening");
    fflush(stdout);
    peer = accept(fd, NULL, NULL);
    while (read(peer, &request, sizeof(request)) == sizeof(request)) {
        uint64_t answer = request.offset == MIS ? level & enabled : 0;

        if (write(peer, &answer, sizeof(answer)) != sizeof(answer)) {
            die("answering");
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 5 && !strcmp(argv[1], "client")) {
        client(argv[2], atoi(argv[3]), atoi(argv[4]));
    } else if (argc == 3 && !strcmp(argv[1], "server")) {
        server(argv[2]);
    } else {
        return 2;
    }
    return 0;
}
