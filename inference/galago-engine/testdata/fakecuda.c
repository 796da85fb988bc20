/* Stands in for a CUDA engine and what it needs, one library at a time:
 *
 *   -DCUDART -DCARDS=n -DCODE=n -DDRIVER=n   libcudart.so.13: what it answers to the first questions
 *   -DBACKEND -DAPI=n                        libggml-cuda.so: a backend with as many cards as the runtime says
 *   -DBACKEND -DCRASH                        one that aborts when it is loaded
 *   (nothing)                                a library without anything, such as libcublas.so.13
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef CUDART
int cudaRuntimeGetVersion(int *v) { *v = 13000; return 0; }
int cudaDriverGetVersion(int *v) { *v = DRIVER; return 0; }
int cudaGetDeviceCount(int *n) { *n = CARDS; return CODE; }
const char *cudaGetErrorString(int code) { return code == 35 ? "the driver is insufficient" : "something else"; }
#endif

#ifdef BACKEND
/* As in ggml-backend-impl.h of llama.cpp v0.4.0. */
struct reg;
struct device {
	const char *(*get_name)(struct device *);
	const char *(*get_description)(struct device *);
	void (*get_memory)(struct device *, size_t *, size_t *);
	int (*get_type)(struct device *);
	void *others[11]; /* none of these is asked for before a model is loaded */
	struct reg *reg;
	void *context;
};
struct reg {
	int api;
	const char *(*get_name)(struct reg *);
	size_t (*get_count)(struct reg *);
	struct device *(*get_device)(struct reg *, size_t);
	void *(*get_proc_address)(struct reg *, const char *);
	void *context;
};

int cudaGetDeviceCount(int *);

static struct reg reg;
static const char *name(struct device *d) { (void)d; return "CUDA0"; }
static const char *description(struct device *d) { (void)d; return "A card of cardboard"; }
static void memory(struct device *d, size_t *free, size_t *total) { (void)d; *free = *total = 0; }
static int type(struct device *d) { (void)d; return 1; } /* GGML_BACKEND_DEVICE_TYPE_GPU */
static struct device card = {name, description, memory, type, {0}, &reg, NULL};

static const char *reg_name(struct reg *r) { (void)r; return "CUDA"; }
static size_t count(struct reg *r) {
	int n = 0;
	(void)r;
	return cudaGetDeviceCount(&n) == 0 && n > 0;
}
static struct device *get(struct reg *r, size_t i) { (void)r; (void)i; return &card; }
static void *address(struct reg *r, const char *symbol) { (void)r; (void)symbol; return NULL; }
static struct reg reg = {API, reg_name, count, get, address, NULL};

struct reg *ggml_backend_init(void) {
#ifdef CRASH
	fprintf(stderr, "ggml-cuda.cu:99: CUDA error: of the fake\n");
	abort();
#endif
	return &reg;
}
#ifdef UNDEFINED
int ggml_of_another_version(void);
int use(void) { return ggml_of_another_version(); }
#endif
#endif
