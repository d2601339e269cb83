package safefs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteCache makes path hold data, in directories that it makes (0700), for whoever
// reads it meanwhile the old or the new content whole. It is for caches: nothing
// is made durable, so that a power cut may leave a torn file, and their readers
// must find that out. A thousand packs would otherwise wait for the disk a
// thousand times.
func WriteCache(path string, data []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write cache: %w", err)
		}
	}()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), tempPrefix+"*"+tempSuffix) // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
