/*
 * The limit of the benchmark `index`: what one thread of C needs to walk an
 * archive and to read the head of every file, doing nothing with the bytes.
 *
 *   walk DIR [BYTES]   fts (FTS_PHYSICAL), open, pread BYTES (16384), close
 *
 * BYTES 0 reads every file whole: the untimed pass that fills the page cache.
 * Prints "files bytes".
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char buffer[1 << 20];

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: walk DIR [BYTES]\n");
    return 2;
  }
  size_t wanted = argc > 2 ? strtoul(argv[2], NULL, 10) : 16384;
  if (wanted > sizeof buffer) wanted = sizeof buffer;
  char *roots[] = {argv[1], NULL};
  FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
  if (!tree) {
    perror(argv[1]);
    return 1;
  }
  unsigned long files = 0, bytes = 0;
  for (FTSENT *entry; (entry = fts_read(tree));) {
    if (entry->fts_info != FTS_F) continue;
    int fd = open(entry->fts_accpath, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
      perror(entry->fts_path);
      return 1;
    }
    ssize_t got = 0;
    if (wanted) {
      got = pread(fd, buffer, wanted, 0);
      if (got > 0) bytes += (unsigned long)got;
    } else {
      while ((got = read(fd, buffer, sizeof buffer)) > 0) bytes += (unsigned long)got;
    }
    if (got < 0) {
      perror(entry->fts_path);
      return 1;
    }
    close(fd);
    files++;
  }
  fts_close(tree);
  printf("%lu %lu\n", files, bytes);
  return 0;
}
