package shelf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"galago/assets/words"
)

// Deleted is what came of a deletion.
type Deleted struct {
	Files []string // their paths
	Bytes int64    // that they had
	Kept  string   // the vision file, if it stayed because another model on the list uses it
}

// Delete is DeleteFiles for those who need not know what was deleted.
func (s *Shelf) Delete(model, folder string) error {
	_, err := s.DeleteFiles(model, folder)
	return err
}

// DeleteFiles takes a model off the list and deletes its files for good: all its parts, and its vision file unless
// another model on the list uses it. It deletes only what Galago itself downloaded (Source Fetched) and what really
// lies in folder, also behind links: if one file does not, nothing is deleted. A file that is gone already is no error.
// When one cannot be deleted, the model stays on the list, and Deleted says what is gone. Its error is whole sentences.
func (s *Shelf) DeleteFiles(model, folder string) (Deleted, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	list := s.List()
	i := slices.IndexFunc(list, func(e Entry) bool { return e.Model == model })
	if i < 0 {
		return Deleted{}, nil
	}
	e := list[i]
	rest := slices.Delete(list, i, i+1)
	if e.Source != Fetched {
		return Deleted{}, errors.New(words.T("%s was not downloaded by Galago, so its files are not Galago's to delete. Remove it from the list instead.", e.Name))
	}
	var d Deleted
	paths := partsOf(e.Model)
	if e.MMProj != "" {
		if slices.ContainsFunc(rest, func(o Entry) bool { return o.MMProj != "" && sameFile(o.MMProj, e.MMProj) }) {
			d.Kept = e.MMProj
		} else {
			paths = append(paths, e.MMProj)
		}
	}
	if err := d.remove(paths, folder); err != nil {
		s.Refresh()
		return d, err
	}
	return d, s.write(rest, s.refusedBut(model))
}

// remove deletes files of a folder, after all of them were looked at.
func (d *Deleted) remove(paths []string, folder string) error {
	var names []string
	for _, path := range paths {
		name, err := within(folder, path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return errors.New(words.T("%s does not lie in Galago's own folder for models, so it is not deleted. Delete it in your file manager, or remove the model from the list.", path))
		default:
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return undeleted(folder, err)
	}
	defer root.Close()
	for _, name := range names {
		if err := d.removeOne(root, folder, name); err != nil {
			return undeleted(filepath.Join(folder, name), err)
		}
	}
	return nil
}

func undeleted(path string, err error) error {
	return fmt.Errorf("%s (%w)", words.T("%s could not be deleted. Close the model and programs that use it, then try again.", path), err)
}

// within is the name that a file has in a folder, with the file being no link, and no link on the way to it leading out.
// Its error is fs.ErrNotExist for a file that is not there, and fs.ErrInvalid for one that is elsewhere.
func within(folder, path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(folder)
	if err != nil || !info.Mode().IsRegular() {
		return "", fs.ErrInvalid
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", fs.ErrInvalid
	}
	name, err := filepath.Rel(real, path)
	if err != nil || !filepath.IsLocal(name) {
		return "", fs.ErrInvalid
	}
	return name, nil
}

// removeOne deletes a file, and the folders that it leaves empty. Root sees to it that no link that was put there since
// leads out of the folder.
func (d *Deleted) removeOne(root *os.Root, folder, name string) error {
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	if err := root.Remove(name); err != nil {
		return err
	}
	d.Files = append(d.Files, filepath.Join(folder, name))
	d.Bytes += info.Size()
	for dir := filepath.Dir(name); dir != "." && !strings.HasPrefix(dir, ".."); dir = filepath.Dir(dir) {
		if root.Remove(dir) != nil { // it holds more
			break
		}
	}
	return nil
}
