package kernel

import "io/fs"

// Vendored is something of others that a module embeds, and that no package manager knows of: a
// script, a font. The module lists it in Provides, and the program's bill of materials names it.
type Vendored struct {
	Name, Version string
	License       string // SPDX's expression, such as Apache-2.0
	PURL          string // https://github.com/package-url, "" where there is none
	Folder        string // where it lies in the source, with its LICENSE
	Files         fs.FS
	Patterns      []string // of Files, which of them it is
}
