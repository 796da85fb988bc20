/* A stand-in for NVIDIA's libnvidia-ml.so.1, and nvml.dll, that replays a script, so that the gauge can be tested without a card.
 *
 * FAKE_NVML_SCRIPT names a text file; '#' begins a comment:
 *
 *   driver VERSION
 *   gpu UUID NAME...                          one line for each card, in order
 *   step                                      begins the next look: nvmlDeviceGetCount goes one step on,
 *                                             the last step stays; lines before the first step hold for all
 *   clock MILLISECONDS                        steps go on by themselves in this time instead
 *   mem GPU TOTAL USED FREE RESERVED UTILIZATION TEMPERATURE POWER    MiB, percent, degrees Celsius, milliwatts
 *   curve GPU USED...                         a step for each figure (MiB); what is not used nor reserved is free,
 *                                             all else is as the last mem line of this card says
 *   limit GPU MILLIWATTS                      the most power that the card takes, in all steps
 *   mig GPU                                   the card is divided into parts
 *   cuda VERSION                              the newest CUDA that the driver runs, such as 13010
 *   detail GPU NAME VALUE                     one of: major minor (compute capability) gen lanes maxgen maxlanes (PCI
 *                                             Express) throttle bits clock (memory) compute persistence; 0 by itself
 *   proc GPU C|G PID MIB                      a program that computes or draws; -1 MiB: not available; the PID "self"
 *                                             is the one that has loaded this library
 *   fail FUNCTION CODE [GPU]                  the function answers with an NVML error code; of the versions of
 *                                             a name only nvmlDeviceGetMemoryInfo_v2 has its ending
 *   hang FUNCTION MILLISECONDS                the function takes that long
 *   hang FUNCTION until FILE                  the function does not answer before there is such a file
 *
 * Built with -DOLD_DRIVER the library lacks what drivers before version 510 lacked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef _WIN32
#include <windows.h>
#endif

enum { SUCCESS = 0, NOT_SUPPORTED = 3, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, INSUFFICIENT_SIZE = 7, VERSION_MISMATCH = 25, UNKNOWN = 999 };
enum { GPUS = 8, STEPS = 256, PROCS = 16, FAILS = 16, HANGS = 4 };

struct mem { int set; unsigned long long total, used, free, reserved; unsigned util, temp, power; };
struct proc { int gpu; char kind; unsigned pid; long long mib; };
struct fail { char function[64]; int code, gpu; };
struct hang { char function[64], file[256]; long millis; };
struct step {
	struct mem mem[GPUS];
	struct proc procs[PROCS];
	struct fail fails[FAILS];
	struct hang hangs[HANGS];
	int nprocs, nfails, nhangs;
};

enum { MAJOR, MINOR, GEN, LANES, MAXGEN, MAXLANES, THROTTLE, BITS, CLOCK, COMPUTE, PERSISTENCE, DETAILS };
static const char *const details[DETAILS] = {"major", "minor", "gen", "lanes", "maxgen", "maxlanes", "throttle", "bits",
	"clock", "compute", "persistence"};
static struct { char uuid[96], name[96]; int index, mig; unsigned limit, detail[DETAILS]; } gpus[GPUS];
static int cuda, ngpus, nsteps, loaded, started;
static long tick;
static long long begun; /* milliseconds; a tick of 0: steps go on with every look */
static int now; /* the step that is shown; 0 holds for all, 1 is the first "step" */
static char driver[80] = "0.0";
static struct step steps[STEPS];

static long long milliseconds(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void pass(long millis) {
	struct timespec t = {millis / 1000, millis % 1000 * 1000000};
	while (nanosleep(&t, &t)) {}
}

static struct mem *memory_of(int step, int gpu) {
	for (; step > 0; step--)
		if (steps[step].mem[gpu].set) break;
	return &steps[step].mem[gpu];
}

/* curve adds a step for each figure of text. */
static void curve(int gpu, char *text) {
	char *end;
	for (unsigned long long used = strtoull(text, &end, 10); end != text && nsteps < STEPS - 1; used = strtoull(text, &end, 10)) {
		struct mem m = *memory_of(nsteps, gpu);
		text = end;
		m.set = 1;
		m.used = used;
		m.free = m.total - m.reserved - used;
		steps[++nsteps].mem[gpu] = m;
	}
}

/* stay keeps this library and its steps where they are when a reader lets go of it, as Linux does by itself. */
static void stay(void) {
#ifdef _WIN32
	HMODULE self;
	GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, (const char *)&loaded, &self);
#endif
}

static void load(void) {
	const char *path = getenv("FAKE_NVML_SCRIPT");
	FILE *f = path ? fopen(path, "r") : NULL;
	char line[512];
	if (!f || loaded) {
		if (f) fclose(f);
		return;
	}
	loaded = 1;
	stay();
	while (fgets(line, sizeof line, f)) {
		struct step *s = &steps[nsteps];
		char word[16] = "", who[16] = "", kind = 0;
		int gpu, used = 0;
		unsigned limit;
		struct mem m = {1, 0, 0, 0, 0, 0, 0, 0};
		struct fail e = {"", 0, -1};
		struct proc p = {0, 0, 0, 0};
		struct hang h = {"", "", 0};
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
				sscanf(line, "proc %d %c %15s %lld", &p.gpu, &kind, who, &p.mib) == 4) {
			p.kind = kind;
			p.pid = strcmp(who, "self") ? (unsigned)atoi(who) : (unsigned)getpid();
			s->procs[s->nprocs++] = p;
		}
		if (!strcmp(word, "fail") && s->nfails < FAILS && sscanf(line, "fail %63s %d %d", e.function, &e.code, &e.gpu) >= 2)
			s->fails[s->nfails++] = e;
		if (!strcmp(word, "hang") && s->nhangs < HANGS && (sscanf(line, "hang %63s until %255[^\n]", h.function, h.file) == 2 ||
				sscanf(line, "hang %63s %ld", h.function, &h.millis) == 2))
			s->hangs[s->nhangs++] = h;
		if (!strcmp(word, "clock")) sscanf(line, "clock %ld", &tick);
		if (!strcmp(word, "limit") && sscanf(line, "limit %d %u", &gpu, &limit) == 2 && gpu >= 0 && gpu < GPUS)
			gpus[gpu].limit = limit;
		if (!strcmp(word, "mig") && sscanf(line, "mig %d", &gpu) == 1 && gpu >= 0 && gpu < GPUS) gpus[gpu].mig = 1;
		if (!strcmp(word, "cuda")) sscanf(line, "cuda %d", &cuda);
		if (!strcmp(word, "detail") && sscanf(line, "detail %d %15s %u", &gpu, who, &limit) == 3 && gpu >= 0 && gpu < GPUS)
			for (int i = 0; i < DETAILS; i++)
				if (!strcmp(who, details[i])) gpus[gpu].detail[i] = limit;
		if (!strcmp(word, "curve") && sscanf(line, "curve %d %n", &gpu, &used) == 1 && gpu >= 0 && gpu < GPUS)
			curve(gpu, line + used);
	}
	begun = milliseconds();
	fclose(f);
}

static int failed(const char *function, int gpu) {
	for (int round = 0; round < 2; round++) {
		struct step *s = &steps[round ? now : 0];
		for (int i = 0; i < s->nhangs && (now || !round); i++) {
			if (strcmp(s->hangs[i].function, function)) continue;
			pass(s->hangs[i].millis);
			while (*s->hangs[i].file && access(s->hangs[i].file, F_OK)) pass(10);
		}
		for (int i = 0; i < s->nfails; i++)
			if (!strcmp(s->fails[i].function, function) && (s->fails[i].gpu < 0 || s->fails[i].gpu == gpu))
				return s->fails[i].code;
	}
	return started || !strcmp(function, "nvmlInit") ? SUCCESS : UNINITIALIZED;
}

static struct mem *memory(int gpu) { return memory_of(now, gpu); }

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
	if (tick > 0)
		now = (milliseconds() - begun) / tick < nsteps ? (milliseconds() - begun) / tick + 1 : nsteps;
	else if (now < nsteps)
		now++;
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

int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *out) {
	CHECK("nvmlDeviceGetEnforcedPowerLimit", INDEX(device));
	*out = gpus[INDEX(device)].limit;
	return *out ? SUCCESS : NOT_SUPPORTED;
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) {
	CHECK("nvmlDeviceGetMigMode", INDEX(device));
	*current = *pending = gpus[INDEX(device)].mig;
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

#ifndef OLD_DRIVER
int nvmlSystemGetCudaDriverVersion_v2(int *version) {
	CHECK("nvmlSystemGetCudaDriverVersion", -1);
	*version = cuda;
	return SUCCESS;
}

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
	CHECK("nvmlDeviceGetCudaComputeCapability", INDEX(device));
	*major = gpus[INDEX(device)].detail[MAJOR];
	*minor = gpus[INDEX(device)].detail[MINOR];
	return SUCCESS;
}

#define DETAIL(function, type, which) \
	int function(void *device, type *out) { \
		CHECK(#function, INDEX(device)); \
		*out = gpus[INDEX(device)].detail[which]; \
		return SUCCESS; \
	}

DETAIL(nvmlDeviceGetCurrPcieLinkGeneration, unsigned, GEN)
DETAIL(nvmlDeviceGetCurrPcieLinkWidth, unsigned, LANES)
DETAIL(nvmlDeviceGetMaxPcieLinkGeneration, unsigned, MAXGEN)
DETAIL(nvmlDeviceGetMaxPcieLinkWidth, unsigned, MAXLANES)
DETAIL(nvmlDeviceGetCurrentClocksThrottleReasons, unsigned long long, THROTTLE)
DETAIL(nvmlDeviceGetMemoryBusWidth, unsigned, BITS)
DETAIL(nvmlDeviceGetComputeMode, int, COMPUTE)
DETAIL(nvmlDeviceGetPersistenceMode, int, PERSISTENCE)

int nvmlDeviceGetMaxClockInfo(void *device, int clock, unsigned *out) {
	CHECK("nvmlDeviceGetMaxClockInfo", INDEX(device));
	if (clock != 2) return INVALID_ARGUMENT; /* NVML_CLOCK_MEM */
	*out = gpus[INDEX(device)].detail[CLOCK];
	return SUCCESS;
}
#endif
