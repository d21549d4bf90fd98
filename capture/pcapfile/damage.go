package pcapfile

import "fmt"

// damage counts the blocks that stand whole in the file and make no sense
// inside. They are passed over: the length of a block, given twice, tells where
// the next one begins.
type damage struct {
	blocks int
	first  string
}

// needed tells whether what follows a block cannot be read without it.
func needed(kind uint32) bool { return kind == blockSection || kind == blockInterface }

func (d *damage) add(position string, err error) {
	if d.blocks == 0 {
		d.first = fmt.Sprintf("%s: %v", position, err)
	}
	d.blocks++
}

// said is the sentence about it, empty if there is none.
func (d *damage) said() string {
	if d.blocks == 0 {
		return ""
	}
	return fmt.Sprintf("%d block(s) of the capture file are damaged and were passed over, the first %s", d.blocks, d.first)
}
