/*
 * A library that is loaded before libc (LD_PRELOAD). It counts the storage calls below given directories, over all
 * threads of the process, and does something at one of them:
 *
 *   FAULT_BELOW  directories, separated by colons; everything below them counts, and nothing else
 *   FAULT_AT     the number of the call, from 1; absent: none
 *   FAULT_DO     kill    SIGKILL instead of the call
 *                tear    half of a write, then SIGKILL; kill for every other call
 *                stop    SIGSTOP before the call, which is made when the process goes on
 *                short   half of a write is written; nothing for every other call
 *                EIO, ENOSPC, EDQUOT, EINTR: the call fails so, and nothing is done
 *   FAULT_FROM   "1": not only that call but every later one that takes room fails so (a disk that stays full)
 *   FAULT_LOG    a file to which each counted call is appended, parts separated by tabs: its name, its path, and where it
 *                comes from (link, rename), where it leads to (symlink), its mode in octal (open, mkdir, chmod), or what is
 *                written, in hex (write)
 *
 * The variables are read at the first call; and anew, and the count begins again, whenever somebody opens ARM, a file
 * that there is not. So one process can have a fault befall it again and again.
 *
 * Counted is what changes a file system or makes it durable: open for writing or making, write, fsync, truncate,
 * chmod, link, symlink, rename, unlink, mkdir, mkdtemp, rmdir, times. With FAULT_READS=1 also open for reading and read.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))
#define MOST_FILES 4096
#define ARM "/storage-fault/arm"

enum kind { NONE = 0, READ = 1, CHANGE = 2 };

static char *names[MOST_FILES];
static enum kind opened[MOST_FILES];
static const char *below, *action, *log_path;
static long at = -1, count;
static int reads, stays;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/* A copy, which is never freed: another thread may still be reading the last one. */
static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? NULL : strdup(value);
}

static void begin(void) {
  below = variable("FAULT_BELOW");
  action = variable("FAULT_DO");
  log_path = variable("FAULT_LOG");
  reads = getenv("FAULT_READS") != NULL;
  stays = getenv("FAULT_FROM") != NULL;
  at = getenv("FAULT_AT") == NULL ? -1 : atol(getenv("FAULT_AT"));
}

static void arm(void) {
  pthread_mutex_lock(&lock);
  begin();
  count = 0;
  pthread_mutex_unlock(&lock);
}

static int is_below(const char *path) {
  pthread_once(&once, begin);
  if (below == NULL || path == NULL) return 0;
  char whole[PATH_MAX * 2];
  if (path[0] == '/') snprintf(whole, sizeof whole, "%s", path);
  else {
    char here[PATH_MAX];
    if (getcwd(here, sizeof here) == NULL) return 0;
    snprintf(whole, sizeof whole, "%s/%s", here, path);
  }
  for (const char *start = below; *start != 0;) {
    size_t length = strcspn(start, ":");
    if (length > 0 && strncmp(whole, start, length) == 0 && (whole[length] == 0 || whole[length] == '/')) return 1;
    start += length;
    if (*start == ':') start++;
  }
  return 0;
}

/* What is written: the first part alone of several, which is all that Node hands over. */
struct data {
  const unsigned char *bytes;
  size_t length;
};

static void note(const char *call, const char *path, const char *from, struct data data) {
  if (log_path == NULL) return;
  int fd = REAL(open)(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  size_t room = strlen(call) + strlen(path) + (from == NULL ? 0 : strlen(from)) + 2 * data.length + 8;
  char *line = malloc(room);
  if (fd < 0 || line == NULL) abort();
  int length = snprintf(line, room, "%s\t%s\t%s", call, path, from == NULL ? "" : from);
  for (size_t i = 0; i < data.length; i++) length += snprintf(line + length, room - (size_t)length, "%02x", data.bytes[i]);
  line[length++] = '\n';
  if (REAL(write)(fd, line, (size_t)length) < 0) abort();
  free(line);
  REAL(close)(fd);
}

static int error_of(const char *name) {
  if (strcmp(name, "EIO") == 0) return EIO;
  if (strcmp(name, "ENOSPC") == 0) return ENOSPC;
  if (strcmp(name, "EDQUOT") == 0) return EDQUOT;
  if (strcmp(name, "EINTR") == 0) return EINTR;
  return 0;
}

enum verdict { GO, FAIL, HALF, HALF_AND_DIE };

/* Counts a call. FAIL: errno is set. */
static enum verdict step_from(const char *call, const char *path, const char *from, struct data data, int takes_room) {
  int is_write = data.bytes != NULL;
  pthread_mutex_lock(&lock);
  long number = ++count;
  note(call, path, from, data);
  pthread_mutex_unlock(&lock);
  if (at < 0 || action == NULL) return GO;
  if (number != at && !(stays && number > at && takes_room)) return GO;
  if (strcmp(action, "kill") == 0 || (strcmp(action, "tear") == 0 && !is_write)) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  if (strcmp(action, "stop") == 0) {
    kill(getpid(), SIGSTOP);
    return GO;
  }
  if (strcmp(action, "tear") == 0) return HALF_AND_DIE;
  if (strcmp(action, "short") == 0) return is_write ? HALF : GO;
  errno = error_of(action);
  return errno == 0 ? GO : FAIL;
}

static const struct data NOTHING = {NULL, 0};

static enum verdict step(const char *call, const char *path, int takes_room) {
  return step_from(call, path, NULL, NOTHING, takes_room);
}

static void remember(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= MOST_FILES) return;
  free(names[fd]);
  names[fd] = NULL;
  opened[fd] = NONE;
  if (!is_below(path)) return;
  names[fd] = strdup(path);
  opened[fd] = (flags & O_ACCMODE) == O_RDONLY && !(flags & O_CREAT) ? READ : CHANGE;
}

static int is_counted(int fd, enum kind kind) {
  if (fd < 0 || fd >= MOST_FILES || opened[fd] == NONE || names[fd] == NULL) return 0;
  return kind == CHANGE || reads;
}

/* Counts a call that has a mode. */
static enum verdict step_with(const char *call, const char *path, mode_t mode, int takes_room) {
  char octal[16];
  snprintf(octal, sizeof octal, "%o", (unsigned)mode);
  return step_from(call, path, octal, NOTHING, takes_room);
}

static int open_as(const char *symbol, int directory, const char *path, int flags, mode_t mode) {
  if (strcmp(path, ARM) == 0) arm();
  int changes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0;
  const char *call = !changes ? "open-to-read" : (flags & O_TRUNC) != 0 ? "open-empty" : "open";
  if (is_below(path) && (changes || reads) && step_with(call, path, mode, changes) == FAIL) return -1;
  int fd = ((int (*)(int, const char *, int, ...))real(symbol))(directory, path, flags, mode);
  remember(fd, path, flags);
  return fd;
}

#define OPEN_BODY(symbol, directory)                                                                                   \
  va_list rest;                                                                                                        \
  va_start(rest, flags);                                                                                               \
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;                                       \
  va_end(rest);                                                                                                        \
  return open_as(symbol, directory, path, flags, mode);

int open(const char *path, int flags, ...) { OPEN_BODY("openat", AT_FDCWD) }
int open64(const char *path, int flags, ...) { OPEN_BODY("openat64", AT_FDCWD) }
int openat(int directory, const char *path, int flags, ...) { OPEN_BODY("openat", directory) }
int openat64(int directory, const char *path, int flags, ...) { OPEN_BODY("openat64", directory) }

int close(int fd) {
  if (fd >= 0 && fd < MOST_FILES) opened[fd] = NONE;
  return REAL(close)(fd);
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

#define WRITE_BODY(symbol, bytes, length, whole, half)                                                                                \
  if (is_counted(fd, CHANGE)) switch (step_from(symbol, names[fd], NULL, (struct data){bytes, length}, 1)) {           \
    case FAIL: return -1;                                                                                              \
    case HALF: return half;                                                                                            \
    case HALF_AND_DIE: if ((half) < 0) abort(); die(); break;                                                          \
    case GO: break;                                                                                                    \
  }                                                                                                                    \
  return whole;

static size_t half_of(size_t length) { return length > 1 ? length / 2 : length; }

ssize_t write(int fd, const void *data, size_t length) {
  WRITE_BODY("write", data, length, REAL(write)(fd, data, length), REAL(write)(fd, data, half_of(length)))
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
  WRITE_BODY("pwrite", data, length, REAL(pwrite)(fd, data, length, offset), REAL(pwrite)(fd, data, half_of(length), offset))
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
  WRITE_BODY("pwrite", data, length, REAL(pwrite64)(fd, data, length, offset), REAL(pwrite64)(fd, data, half_of(length), offset))
}
ssize_t writev(int fd, const struct iovec *parts, int number) {
  WRITE_BODY("writev", parts[0].iov_base, parts[0].iov_len, REAL(writev)(fd, parts, number), REAL(write)(fd, parts[0].iov_base, half_of(parts[0].iov_len)))
}
ssize_t pwritev(int fd, const struct iovec *parts, int number, off_t offset) {
  WRITE_BODY("pwritev", parts[0].iov_base, parts[0].iov_len, REAL(pwritev)(fd, parts, number, offset),
             REAL(pwrite)(fd, parts[0].iov_base, half_of(parts[0].iov_len), offset))
}
ssize_t pwritev64(int fd, const struct iovec *parts, int number, off64_t offset) {
  WRITE_BODY("pwritev", parts[0].iov_base, parts[0].iov_len, REAL(pwritev64)(fd, parts, number, offset),
             REAL(pwrite64)(fd, parts[0].iov_base, half_of(parts[0].iov_len), offset))
}

#define READ_BODY(symbol, whole)                                                                                       \
  if (is_counted(fd, READ) && step(symbol, names[fd], 0) == FAIL) return -1;                                        \
  return whole;

ssize_t read(int fd, void *data, size_t length) { READ_BODY("read", REAL(read)(fd, data, length)) }
ssize_t pread(int fd, void *data, size_t length, off_t offset) {
  READ_BODY("pread", REAL(pread)(fd, data, length, offset))
}
ssize_t pread64(int fd, void *data, size_t length, off64_t offset) {
  READ_BODY("pread", REAL(pread64)(fd, data, length, offset))
}

#define FILE_BODY(symbol, call, room)                                                                                  \
  if (is_counted(fd, CHANGE) && step(symbol, names[fd], room) == FAIL) return -1;                                   \
  return call;

int fsync(int fd) { FILE_BODY("fsync", REAL(fsync)(fd), 0) }
int fdatasync(int fd) { FILE_BODY("fdatasync", REAL(fdatasync)(fd), 0) }
int ftruncate(int fd, off_t length) { FILE_BODY("ftruncate", REAL(ftruncate)(fd, length), 0) }
int ftruncate64(int fd, off64_t length) { FILE_BODY("ftruncate", REAL(ftruncate64)(fd, length), 0) }
int fchmod(int fd, mode_t mode) {
  if (is_counted(fd, CHANGE) && step_with("fchmod", names[fd], mode, 0) == FAIL) return -1;
  return REAL(fchmod)(fd, mode);
}
int fchown(int fd, uid_t user, gid_t group) { FILE_BODY("fchown", REAL(fchown)(fd, user, group), 0) }

#define PATH_BODY(symbol, call, room)                                                                                  \
  if (is_below(path) && step(symbol, path, room) == FAIL) return -1;                                                \
  return call;

#define MOVE_BODY(symbol, call, room)                                                                                  \
  if (is_below(path) && step_from(symbol, path, from, NOTHING, room) == FAIL) return -1;                               \
  return call;

#define MODE_BODY(symbol, call, room)                                                                                  \
  if (is_below(path) && step_with(symbol, path, mode, room) == FAIL) return -1;                                        \
  return call;

int chmod(const char *path, mode_t mode) { MODE_BODY("chmod", REAL(chmod)(path, mode), 0) }
int unlink(const char *path) { PATH_BODY("unlink", REAL(unlink)(path), 0) }
int unlinkat(int directory, const char *path, int flags) {
  PATH_BODY("unlink", REAL(unlinkat)(directory, path, flags), 0)
}
int rmdir(const char *path) { PATH_BODY("rmdir", REAL(rmdir)(path), 0) }
int mkdir(const char *path, mode_t mode) { MODE_BODY("mkdir", REAL(mkdir)(path, mode), 1) }
char *mkdtemp(char *path) {
  if (is_below(path) && step("mkdtemp", path, 1) == FAIL) return NULL;
  return REAL(mkdtemp)(path);
}
int symlink(const char *from, const char *path) { MOVE_BODY("symlink", REAL(symlink)(from, path), 1) }
int symlinkat(const char *from, int directory, const char *path) {
  MOVE_BODY("symlink", REAL(symlinkat)(from, directory, path), 1)
}
int link(const char *from, const char *path) { MOVE_BODY("link", REAL(link)(from, path), 1) }
int linkat(int one, const char *from, int other, const char *path, int flags) {
  MOVE_BODY("link", REAL(linkat)(one, from, other, path, flags), 1)
}
int rename(const char *from, const char *path) { MOVE_BODY("rename", REAL(rename)(from, path), 1) }
int renameat(int one, const char *from, int other, const char *path) {
  MOVE_BODY("rename", REAL(renameat)(one, from, other, path), 1)
}
int utimensat(int directory, const char *path, const struct timespec times[2], int flags) {
  PATH_BODY("utimensat", REAL(utimensat)(directory, path, times, flags), 0)
}
