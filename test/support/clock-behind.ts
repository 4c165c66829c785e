import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './cli.ts';
import { program } from './debian.ts';

/** libfaketime does not go together with the memory allocator of Redis: this is all of it that is wanted. */
const SOURCE = (seconds: number): string => `
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *t) {
  long failed = syscall(SYS_clock_gettime, id, t);
  if (!failed && id == CLOCK_REALTIME) t->tv_sec -= ${seconds};
  return (int)failed;
}
time_t time(time_t *out) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  if (out) *out = t.tv_sec;
  return t.tv_sec;
}
int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec t;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &t);
  out->tv_sec = t.tv_sec;
  out->tv_usec = t.tv_nsec / 1000;
  return 0;
}
`;

/** Makes what a program is started with (LD_PRELOAD) to have its clock behind. @returns the library's path */
export async function clockBehind(directory: string, seconds: number): Promise<string> {
  const [source, library] = [join(directory, 'clock.c'), join(directory, 'clock.so')];
  await writeFile(source, SOURCE(seconds));
  const { code, stderr } = await run(program('gcc'), ['-shared', '-fPIC', '-o', library, source]);
  if (code !== 0) throw new Error(stderr);
  return library;
}
