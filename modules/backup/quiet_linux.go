package backup

import (
	"runtime"
	"syscall"
)

// quietly runs do behind everything else that wants a processor.
func quietly(do func() error) error {
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with its low priority.
		runtime.LockOSThread()
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), 19) // where it may not, it is as loud as the rest
		done <- do()
	}()
	return <-done
}
