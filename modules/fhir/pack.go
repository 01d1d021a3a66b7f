package fhir

import (
	"bytes"
	"compress/flate"
	_ "embed" // the dictionary
	"errors"
	"fmt"
	"io"
)

// dictionary is what FHIR resources have in common. Texts that were packed with it can be
// had back only with it: it is never edited. A better one gets a format of its own.
//
//go:embed dictionary.txt
var dictionary []byte

// format is the first byte of a packed text: DEFLATE (RFC 1951) with dictionary.
const format = 1

// packer packs texts one after the other. A resource is too short for gzip to learn what
// repeats: with a dictionary the texts take less than half the space.
type packer struct {
	to  bytes.Buffer
	zip *flate.Writer
}

func (p *packer) pack(text []byte) ([]byte, error) {
	p.to.Reset()
	p.to.WriteByte(format)
	if p.zip == nil {
		zip, err := flate.NewWriterDict(&p.to, flate.DefaultCompression, dictionary)
		if err != nil {
			return nil, err
		}
		p.zip = zip
	} else {
		p.zip.Reset(&p.to)
	}
	if _, err := p.zip.Write(text); err != nil {
		return nil, err
	}
	if err := p.zip.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(p.to.Bytes()), nil
}

func unpack(packed []byte) ([]byte, error) {
	if len(packed) == 0 || packed[0] != format {
		return nil, errors.New("kept text of a resource: unknown format")
	}
	unzip := flate.NewReaderDict(bytes.NewReader(packed[1:]), dictionary)
	text, err := io.ReadAll(unzip)
	if err != nil {
		return nil, fmt.Errorf("kept text of a resource: %w", err)
	}
	return text, unzip.Close()
}
