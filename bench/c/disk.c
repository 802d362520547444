/*
 * The limit of the benchmark `receive` where a receiver waits for the disk: the
 * calls that keep an instance, made by so many threads at a time, each for one
 * file after the other. Nothing is received.
 *
 *   disk FOLDER FILES BYTES THREADS   open, write, fdatasync, link, unlink, close,
 *                                     and fsync of the folder of the new name
 *
 * FOLDER must be there and empty.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *folder;
static long files, bytes, threads;
static char *block;

static void must(int done, const char *what) {
  if (done) return;
  perror(what);
  exit(1);
}

static void *keep(void *number) {
  long thread = (long)number;
  char temporary[4200], named[4200], archive[4096];
  snprintf(archive, sizeof archive, "%.4000s/archive", folder);
  for (long i = thread; i < files; i += threads) {
    snprintf(temporary, sizeof temporary, "%.4000s/incoming-%ld", folder, thread);
    snprintf(named, sizeof named, "%.4010s/%ld.dcm", archive, i);
    int file = open(temporary, O_RDWR | O_CREAT | O_EXCL, 0600);
    must(file >= 0, temporary);
    must(write(file, block, (size_t)bytes) == bytes, "write");
    must(fdatasync(file) == 0, "fdatasync");
    must(link(temporary, named) == 0, named);
    must(unlink(temporary) == 0, "unlink");
    must(close(file) == 0, "close");
    int in = open(archive, O_RDONLY);
    must(in >= 0 && fsync(in) == 0 && close(in) == 0, archive);
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: disk FOLDER FILES BYTES THREADS\n");
    return 2;
  }
  folder = argv[1];
  files = atol(argv[2]);
  bytes = atol(argv[3]);
  threads = atol(argv[4]);
  block = calloc(1, (size_t)bytes);
  pthread_t running[64];
  must(block != NULL && threads > 0 && threads <= 64, "arguments");
  char archive[4096];
  snprintf(archive, sizeof archive, "%.4000s/archive", folder);
  must(mkdir(archive, 0700) == 0, archive);
  for (long i = 0; i < threads; i++) must(pthread_create(&running[i], NULL, keep, (void *)i) == 0, "pthread_create");
  for (long i = 0; i < threads; i++) pthread_join(running[i], NULL);
  return 0;
}
