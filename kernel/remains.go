package kernel

// Remains names what lies in a data folder, or beside it, that only a clinic leaves there, ""
// when there is nothing: without data.db such a folder has lost its data, and is no new one.
// Modules list theirs in Provides.
type Remains func(dataDir string) string
