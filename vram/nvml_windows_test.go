package vram

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestALibraryInTheWayIsNotLoaded puts an nvml.dll where Windows looks for those without a path: into the working folder,
// and into one of PATH.
func TestALibraryInTheWayIsNotLoaded(t *testing.T) {
	folders := nvmlFolders()
	for _, folder := range folders {
		if !filepath.IsAbs(folder) {
			t.Errorf("%q is not a whole path", folder)
		}
		if _, err := os.Stat(filepath.Join(folder, libraryName)); err == nil {
			t.Skip("this system has a driver: " + folder)
		}
	}
	if len(folders) != 2 || !strings.EqualFold(filepath.Base(folders[0]), "system32") || filepath.Base(folders[1]) != "NVSMI" {
		t.Errorf("%q", folders)
	}
	library, err := os.ReadFile(filepath.Join(fake(t, nil), libraryName))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	for name, data := range map[string][]byte{libraryName: library, "script": []byte(oneCard)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), childEnv+"=1", fakeEnv+"=", "FAKE_NVML_SCRIPT="+script, "PATH="+dir+";"+os.Getenv("PATH"))
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), "No NVIDIA driver was found (nvml.dll is missing)") {
		t.Errorf("%v, %s", err, out)
	}
}
