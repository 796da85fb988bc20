/* A stand-in for NVIDIA's libnvidia-ml.so.1 that replays a script, so that the gauge can be tested without a card.
 *
 * FAKE_NVML_SCRIPT names a text file; '#' begins a comment:
 *
 *   driver VERSION
 *   gpu UUID NAME...                          one line for each card, in order
 *   step                                      begins the next look: nvmlDeviceGetCount goes one step on,
 *                                             the last step stays; lines before the first step hold for all
 *   mem GPU TOTAL USED FREE RESERVED UTILIZATION TEMPERATURE POWER    MiB, percent, degrees Celsius, milliwatts
 *   proc GPU C|G PID MIB                      a program that computes or draws; -1 MiB: not available
 *   fail FUNCTION CODE [GPU]                  the function answers with an NVML error code; of the versions of
 *                                             a name only nvmlDeviceGetMemoryInfo_v2 has its ending
 *
 * Built with -DOLD_DRIVER the library lacks what drivers before version 510 lacked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, INSUFFICIENT_SIZE = 7, VERSION_MISMATCH = 25, UNKNOWN = 999 };
enum { GPUS = 8, STEPS = 256, PROCS = 16, FAILS = 16 };

struct mem { int set; unsigned long long total, used, free, reserved; unsigned util, temp, power; };
struct proc { int gpu; char kind; unsigned pid; long long mib; };
struct fail { char function[64]; int code, gpu; };
struct step { struct mem mem[GPUS]; struct proc procs[PROCS]; int nprocs; struct fail fails[FAILS]; int nfails; };

static struct { char uuid[96], name[96]; int index; } gpus[GPUS];
static int ngpus, nsteps, loaded, started;
static int now; /* the step that is shown; 0 holds for all, 1 is the first "step" */
static char driver[80] = "0.0";
static struct step steps[STEPS];

static void load(void) {
	const char *path = getenv("FAKE_NVML_SCRIPT");
	FILE *f = path ? fopen(path, "r") : NULL;
	char line[512];
	if (!f || loaded) {
		if (f) fclose(f);
		return;
	}
	loaded = 1;
	while (fgets(line, sizeof line, f)) {
		struct step *s = &steps[nsteps];
		char word[16] = "", kind = 0;
		int gpu, used = 0;
		struct mem m = {1, 0, 0, 0, 0, 0, 0, 0};
		struct fail e = {"", 0, -1};
		struct proc p = {0, 0, 0, 0};
		line[strcspn(line, "#\n")] = 0;
		if (sscanf(line, "%15s", word) != 1) continue;
		if (!strcmp(word, "driver")) sscanf(line, "driver %79s", driver);
		if (!strcmp(word, "gpu") && ngpus < GPUS && sscanf(line, "gpu %95s %n", gpus[ngpus].uuid, &used) == 1) {
			snprintf(gpus[ngpus].name, sizeof gpus[0].name, "%s", line + used);
			gpus[ngpus].index = ngpus;
			ngpus++;
		}
		if (!strcmp(word, "step") && nsteps < STEPS - 1) nsteps++;
		if (!strcmp(word, "mem") && sscanf(line, "mem %d %llu %llu %llu %llu %u %u %u", &gpu, &m.total, &m.used, &m.free,
				&m.reserved, &m.util, &m.temp, &m.power) == 8 && gpu >= 0 && gpu < GPUS)
			s->mem[gpu] = m;
		if (!strcmp(word, "proc") && s->nprocs < PROCS &&
				sscanf(line, "proc %d %c %u %lld", &p.gpu, &kind, &p.pid, &p.mib) == 4) {
			p.kind = kind;
			s->procs[s->nprocs++] = p;
		}
		if (!strcmp(word, "fail") && s->nfails < FAILS && sscanf(line, "fail %63s %d %d", e.function, &e.code, &e.gpu) >= 2)
			s->fails[s->nfails++] = e;
	}
	fclose(f);
}

static int failed(const char *function, int gpu) {
	for (int round = 0; round < 2; round++) {
		struct step *s = &steps[round ? now : 0];
		for (int i = 0; i < s->nfails; i++)
			if (!strcmp(s->fails[i].function, function) && (s->fails[i].gpu < 0 || s->fails[i].gpu == gpu))
				return s->fails[i].code;
	}
	return started || !strcmp(function, "nvmlInit") ? SUCCESS : UNINITIALIZED;
}

static struct mem *memory(int gpu) {
	for (int i = now; i > 0; i--)
		if (steps[i].mem[gpu].set) return &steps[i].mem[gpu];
	return &steps[0].mem[gpu];
}

#define INDEX(device) (*(int *)(device))
#define CHECK(function, gpu) do { int code = failed(function, gpu); if (code) return code; } while (0)

int nvmlInit_v2(void) {
	load();
	if (!loaded) return UNKNOWN;
	CHECK("nvmlInit", -1);
	started = 1;
	return SUCCESS;
}

int nvmlShutdown(void) {
	CHECK("nvmlShutdown", -1);
	started = 0;
	return SUCCESS;
}

const char *nvmlErrorString(int code) { return code ? "an error of the fake" : "Success"; }

int nvmlSystemGetDriverVersion(char *text, unsigned length) {
	CHECK("nvmlSystemGetDriverVersion", -1);
	snprintf(text, length, "%s", driver);
	return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count) {
	if (now < nsteps) now++;
	CHECK("nvmlDeviceGetCount", -1);
	*count = ngpus;
	return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
	if ((int)index >= ngpus) return INVALID_ARGUMENT;
	CHECK("nvmlDeviceGetHandleByIndex", index);
	*device = &gpus[index].index;
	return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *text, unsigned length) {
	CHECK("nvmlDeviceGetName", INDEX(device));
	snprintf(text, length, "%s", gpus[INDEX(device)].name);
	return SUCCESS;
}

int nvmlDeviceGetUUID(void *device, char *text, unsigned length) {
	CHECK("nvmlDeviceGetUUID", INDEX(device));
	snprintf(text, length, "%s", gpus[INDEX(device)].uuid);
	return SUCCESS;
}

struct memory_v1 { unsigned long long total, free, used; };

/* As in the real library, the first version counts the driver's own share as used. */
int nvmlDeviceGetMemoryInfo(void *device, struct memory_v1 *out) {
	struct mem *m = memory(INDEX(device));
	CHECK("nvmlDeviceGetMemoryInfo", INDEX(device));
	out->total = m->total << 20;
	out->free = m->free << 20;
	out->used = (m->used + m->reserved) << 20;
	return SUCCESS;
}

#ifndef OLD_DRIVER
struct memory_v2 { unsigned version; unsigned long long total, reserved, free, used; };

int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory_v2 *out) {
	struct mem *m = memory(INDEX(device));
	CHECK("nvmlDeviceGetMemoryInfo_v2", INDEX(device));
	if (out->version != (sizeof *out | 2u << 24)) return VERSION_MISMATCH;
	out->total = m->total << 20;
	out->reserved = m->reserved << 20;
	out->free = m->free << 20;
	out->used = m->used << 20;
	return SUCCESS;
}
#endif

int nvmlDeviceGetUtilizationRates(void *device, unsigned out[2]) {
	CHECK("nvmlDeviceGetUtilizationRates", INDEX(device));
	out[0] = memory(INDEX(device))->util;
	out[1] = 0;
	return SUCCESS;
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *out) {
	CHECK("nvmlDeviceGetTemperature", INDEX(device));
	if (sensor) return INVALID_ARGUMENT;
	*out = memory(INDEX(device))->temp;
	return SUCCESS;
}

#ifndef OLD_DRIVER
int nvmlDeviceGetPowerUsage(void *device, unsigned *out) {
	CHECK("nvmlDeviceGetPowerUsage", INDEX(device));
	*out = memory(INDEX(device))->power;
	return SUCCESS;
}
#endif

#ifndef OLD_DRIVER
struct process { unsigned pid; unsigned long long used; unsigned instance, compute; };

static int list(int gpu, char kind, unsigned *count, struct process *out) {
	unsigned room = *count, found = 0;
	for (int round = 0; round < (now ? 2 : 1); round++) {
		struct step *s = &steps[round ? now : 0];
		for (int i = 0; i < s->nprocs; i++) {
			struct proc *p = &s->procs[i];
			if (p->gpu != gpu || p->kind != kind) continue;
			if (found < room) {
				out[found].pid = p->pid;
				out[found].used = p->mib < 0 ? ~0ull : (unsigned long long)p->mib << 20;
				out[found].instance = out[found].compute = 0xFFFFFFFF;
			}
			found++;
		}
	}
	*count = found;
	return found > room ? INSUFFICIENT_SIZE : SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, struct process *out) {
	CHECK("nvmlDeviceGetComputeRunningProcesses", INDEX(device));
	return list(INDEX(device), 'C', count, out);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned *count, struct process *out) {
	CHECK("nvmlDeviceGetGraphicsRunningProcesses", INDEX(device));
	return list(INDEX(device), 'G', count, out);
}
#endif
