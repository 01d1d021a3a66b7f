package bundle

import (
	"io"
	"runtime"
	"strconv"
	"testing"
)

// TestMemoryStaysFlat streams 200 MB in one bundle.
func TestMemoryStaysFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("streams 200 MB")
	}
	const size, most = 200 << 20, 64 << 20
	in, out := io.Pipe()
	written := make(chan int)
	go func() { written <- generate(out, size) }()

	var stats runtime.MemStats
	var peak uint64
	found := 0
	err := Reader{}.Stream(t.Context(), "x.json", in, func(e Entry) error {
		found++
		if found%2000 == 0 {
			runtime.ReadMemStats(&stats)
			peak = max(peak, stats.HeapInuse)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := <-written; found != want {
		t.Errorf("found %d entries, want %d", found, want)
	}
	if peak == 0 || peak >= most {
		t.Errorf("heap in use reached %d bytes, want less than %d", peak, most)
	}
	t.Logf("%d entries, heap in use at most %d KiB", found, peak>>10)
}

// generate writes a bundle of about size bytes and returns its entries.
func generate(out *io.PipeWriter, size int) int {
	const (
		head = `{"resourceType":"Bundle","type":"collection","entry":[`
		rest = `","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"8302-2","display":"Body Height"}],"text":"Body Height"},"subject":{"reference":"urn:uuid:54c48934-bec2-4773-89f5-f09f6fc6e6f9"},"encounter":{"reference":"urn:uuid:9f151e1e-ef36-4af1-b0a3-51b14933e140"},"effectiveDateTime":"2016-09-21T06:05:58+00:00","issued":"2016-09-21T06:05:58.980+00:00","valueQuantity":{"value":117.31936009417907,"unit":"cm","system":"http://unitsofmeasure.org","code":"cm"}}}`
	)
	block := []byte(head)
	n := 0
	for written := 0; written < size; n++ {
		if n > 0 {
			block = append(block, ',')
		}
		block = append(block, `{"resource":{"resourceType":"Observation","id":"`...)
		block = strconv.AppendInt(block, int64(n), 10)
		block = append(block, rest...)
		if len(block) < 60<<10 {
			continue
		}
		written += len(block)
		if _, err := out.Write(block); err != nil {
			return n
		}
		block = block[:0]
	}
	block = append(block, "]}"...)
	if _, err := out.Write(block); err == nil {
		out.Close()
	}
	return n
}
