package kernel

// Restoring is the folder in a data folder in which a restore unpacks. While it is there the
// data are not whole, and no command opens them.
const Restoring = ".restoring"

// RestoredParam is the id of the row of _params that says when the data were restored from a
// backup, and of when it was: {"restoredAt": …, "backupOf": …}.
const RestoredParam = "polyclinic_restored"

// UnsettledParam is the id of the row of _params that says that restored data have to be worked
// on before anybody uses them. While it is there only `serve` opens them: whoever put it there
// works it off ahead of the first request, and takes it away.
const UnsettledParam = "polyclinic_unsettled"
