package engines

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// How nvcc packs code into a library: the section .nv_fatbin is a row of boxes, each with a head of 16 bytes (magic, version,
// length of the head, length of what follows) and entries, each with a head of its own. Read from libraries built with
// CUDA 13.0 and 13.5, and the same as in other readers of the format.
const (
	fatMagic   = 0xBA55ED50
	fatBoxHead = 16
	fatHead    = 64
	fatPTX     = 1 // kinds of entries
	fatELF     = 2
	mostFat    = 100_000 // entries; llama.cpp's backend has about 150 for each architecture

	mostFilling = 1024 // steps of 8 bytes between boxes
)

// codeOf lists the compute capabilities that a backend has machine code for, and those that it has code for that the
// driver translates. Both are empty where the library does not tell, as on Windows.
func codeOf(path string) (native, ptx []string) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	section := f.Section(".nv_fatbin")
	if section == nil || section.Type == elf.SHT_NOBITS {
		return nil, nil
	}
	var natives, translated []uint32
	for kind, sm := range fatEntries(section) {
		switch kind {
		case fatELF:
			natives = append(natives, sm)
		case fatPTX:
			translated = append(translated, sm)
		}
	}
	return capabilities(natives), capabilities(translated)
}

// fatEntries yields kind and architecture (75 is 7.5) of each entry, as far as the boxes can be read.
func fatEntries(section *elf.Section) func(yield func(kind uint16, sm uint32) bool) {
	return func(yield func(uint16, uint32) bool) {
		end := int64(min(section.FileSize, 1<<40))
		head := make([]byte, fatHead)
		left, filling := mostFat, 0
		for at := int64(0); at+fatBoxHead <= end; {
			if _, err := section.ReadAt(head[:fatBoxHead], at); err != nil && err != io.EOF {
				return
			}
			if binary.LittleEndian.Uint32(head) != fatMagic {
				if filling++; filling > mostFilling {
					return // another format
				}
				at += 8
				continue
			}
			filling = 0
			size := binary.LittleEndian.Uint64(head[8:])
			entry := at + int64(binary.LittleEndian.Uint16(head[6:]))
			if size > uint64(end-at) || entry <= at {
				return
			}
			at = entry + int64(size)
			for entry+fatHead <= min(at, end) && left > 0 {
				if _, err := section.ReadAt(head, entry); err != nil && err != io.EOF {
					return
				}
				length := uint64(binary.LittleEndian.Uint32(head[4:])) + binary.LittleEndian.Uint64(head[8:])
				if length < fatHead || length > uint64(end) {
					return
				}
				if left--; !yield(binary.LittleEndian.Uint16(head), binary.LittleEndian.Uint32(head[28:])) {
					return
				}
				entry += int64(length)
			}
		}
	}
}

// capabilities writes architectures as compute capabilities: 75 as 7.5, 120 as 12.0.
func capabilities(list []uint32) []string {
	slices.Sort(list)
	var names []string
	for _, sm := range slices.Compact(list) {
		if sm >= 10 && sm < 10_000 {
			names = append(names, fmt.Sprintf("%d.%d", sm/10, sm%10))
		}
	}
	return names
}
