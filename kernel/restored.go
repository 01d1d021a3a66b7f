package kernel

// Restoring is the folder in a data folder in which a restore unpacks. While it is there the
// data are not whole, and no command opens them.
const Restoring = ".restoring"

// RestoredParam is the id of the row of _params that says when the data were restored from a
// backup, and of when it was: {"restoredAt": …, "backupOf": …}.
const RestoredParam = "polyclinic_restored"
