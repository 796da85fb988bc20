/* A stand-in for Windows' pdh.dll that knows one counter: the system memory that graphics cards use for processes.
 *
 * FAKE_PDH_SCRIPT names a text file that is read with every look. A line "shared PID MIB" is a process on a card, and one
 * that is on two cards has two lines; the PID "self" is the one that has loaded this library. "fail FUNCTION" makes a
 * function answer with an error, and "none" is a system without such counters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

enum { ROOM = 64 };
static struct { unsigned pid; long long bytes; } found[ROOM];
static int count;
static char query, counter; /* their addresses are the handles */

#define MORE_DATA 0x800007D2u
#define NOTHING_YET 0x800007D5u
#define NO_SUCH_OBJECT 0xC0000BB8u
#define BAD_ARGUMENT 0xC0000BBDu

/* load reads the script and reports whether it has a line that is text. */
static int load(const char *text) {
	const char *path = getenv("FAKE_PDH_SCRIPT");
	FILE *f = path ? fopen(path, "r") : NULL;
	char line[256], who[16];
	long long mib;
	int has = 0;
	count = 0;
	while (f && fgets(line, sizeof line, f)) {
		line[strcspn(line, "\r\n")] = 0;
		has |= !strcmp(line, text);
		if (count < ROOM && sscanf(line, "shared %15s %lld", who, &mib) == 2) {
			found[count].pid = strcmp(who, "self") ? (unsigned)atoi(who) : GetCurrentProcessId();
			found[count++].bytes = mib << 20;
		}
	}
	if (f) fclose(f);
	return has;
}

__declspec(dllexport) DWORD WINAPI PdhOpenQueryW(const wchar_t *source, DWORD_PTR user, void **out) {
	(void)user;
	if (source) return BAD_ARGUMENT;
	*out = &query;
	return load("fail PdhOpenQueryW") ? BAD_ARGUMENT : 0;
}

__declspec(dllexport) DWORD WINAPI PdhAddEnglishCounterW(void *q, const wchar_t *path, DWORD_PTR user, void **out) {
	(void)user;
	if (q != &query || wcscmp(path, L"\\GPU Process Memory(*)\\Shared Usage")) return BAD_ARGUMENT;
	*out = &counter;
	return load("none") ? NO_SUCH_OBJECT : 0;
}

__declspec(dllexport) DWORD WINAPI PdhCollectQueryData(void *q) {
	if (q != &query || load("fail PdhCollectQueryData")) return BAD_ARGUMENT;
	return count ? 0 : NOTHING_YET;
}

struct item { wchar_t *name; DWORD status; LONGLONG value; };

__declspec(dllexport) DWORD WINAPI PdhGetFormattedCounterArrayW(void *c, DWORD format, DWORD *size, DWORD *items, struct item *out) {
	enum { NAME = 48 };
	DWORD need = count * (sizeof *out + NAME * sizeof(wchar_t));
	wchar_t *names = (wchar_t *)(out + count);
	if (c != &counter || format != 0x400) return BAD_ARGUMENT; /* PDH_FMT_LARGE */
	*items = count;
	if (*size < need) {
		*size = need;
		return MORE_DATA;
	}
	for (int i = 0; i < count; i++, names += NAME) {
		_snwprintf(names, NAME, L"pid_%u_luid_0x00000000_0x%08X_phys_0", found[i].pid, 0xC5A7 + i);
		out[i].name = names;
		out[i].status = 0;
		out[i].value = found[i].bytes;
	}
	return 0;
}

__declspec(dllexport) DWORD WINAPI PdhCloseQuery(void *q) { return q == &query ? 0 : BAD_ARGUMENT; }
