/* The floor of a collector: libcurl with a kept-alive connection for each target, pages thrown
 * away. curl_floor URL TARGETS INTERVAL_SECONDS: asks URL/0 to URL/N-1 one after the other, once in
 * each interval. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static size_t throw_away(char* data, size_t size, size_t count, void* unused) {
  (void)data, (void)unused;
  return size * count;
}

int main(int argc, char** argv) {
  if (argc < 4 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    return 2;
  }
  const int count = atoi(argv[2]);
  const long long interval = (long long)(atof(argv[3]) * 1e9);
  CURL** const targets = calloc((size_t)count, sizeof *targets);
  for (int i = 0; i < count; ++i) {
    char url[512];
    snprintf(url, sizeof url, "%s/%d", argv[1], i);
    targets[i] = curl_easy_init();
    curl_easy_setopt(targets[i], CURLOPT_URL, url);
    curl_easy_setopt(targets[i], CURLOPT_WRITEFUNCTION, throw_away);
    curl_easy_setopt(targets[i], CURLOPT_BUFFERSIZE, 65536L);
    curl_easy_setopt(targets[i], CURLOPT_NOSIGNAL, 1L);
  }
  struct timespec due;
  clock_gettime(CLOCK_MONOTONIC, &due);
  for (;;) {
    for (int i = 0; i < count; ++i) {
      const CURLcode code = curl_easy_perform(targets[i]);
      if (code != CURLE_OK) {
        fprintf(stderr, "%s\n", curl_easy_strerror(code));
      }
    }
    const long long next = due.tv_sec * 1000000000LL + due.tv_nsec + interval;
    due.tv_sec = (time_t)(next / 1000000000LL);
    due.tv_nsec = (long)(next % 1000000000LL);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
  }
}
