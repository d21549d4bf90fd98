package decode

import (
	"cmp"
	"fmt"

	"github.com/gopx-trace/gopx-trace/agent/flow"
	"github.com/gopx-trace/gopx-trace/agent/trace"
)

const alertCloseNotify = 0

// alert reads the alerts of a record (RFC 8446, section 6); several in one are
// allowed before TLS 1.3. One that came in the clear may in truth be protected,
// where the ChangeCipherSpec before it was not seen: it has to look like one.
func (t *tlsLayer) alert(h *tlsHalf, b []byte, m flow.Mark) {
	if h.epoch == epochPlain && (len(b) != 2 || b[0] != 1 && b[0] != 2) {
		return
	}
	for ; len(b) >= 2; b = b[2:] {
		if b[1] == alertCloseNotify {
			t.closeNotify(h, m)
			t.endInner(h, flow.Finished, m)
			continue
		}
		if t.facts.Alert == nil {
			t.facts.Alert = t.newAlert(h, b[0], b[1], m)
			t.facts.Frames = append(t.facts.Frames, m.Frame)
		}
	}
}

// closeNotify notes who ended the layer, unless the other side had ended it
// before: a close_notify also answers a close_notify, and a FIN.
func (t *tlsLayer) closeNotify(h *tlsHalf, m flow.Mark) {
	if other := &t.half[1-h.dir]; !other.ended || other.endMark.Time.After(m.Time) {
		t.facts.CloseNotify = cmp.Or(t.facts.CloseNotify, h.sender())
	}
}

func (t *tlsLayer) newAlert(h *tlsHalf, level, description uint8, m flow.Mark) *trace.Alert {
	return &trace.Alert{SentBy: h.sender(), Level: alertLevel(level), Description: alertName(description), Frame: m.Frame}
}

// sender names the side whose records these are, as the report does.
func (h *tlsHalf) sender() string {
	if h.dir == flow.ToServer {
		return "local"
	}
	return "remote"
}

func alertLevel(n uint8) string {
	switch n {
	case 1:
		return "warning"
	case 2:
		return "fatal"
	}
	return fmt.Sprintf("level %d", n)
}

// alertName names an alert as the IANA registry "TLS Alerts" does, or by its
// number.
func alertName(n uint8) string {
	if name, ok := alertNames[n]; ok {
		return name
	}
	return fmt.Sprintf("alert %d", n)
}

// alertNames are the registered alerts, and those of SSL 3.0; never written.
var alertNames = map[uint8]string{ //nolint:gochecknoglobals // a table, never written
	0:   "close_notify",
	10:  "unexpected_message",
	20:  "bad_record_mac",
	21:  "decryption_failed",
	22:  "record_overflow",
	30:  "decompression_failure",
	40:  "handshake_failure",
	41:  "no_certificate",
	42:  "bad_certificate",
	43:  "unsupported_certificate",
	44:  "certificate_revoked",
	45:  "certificate_expired",
	46:  "certificate_unknown",
	47:  "illegal_parameter",
	48:  "unknown_ca",
	49:  "access_denied",
	50:  "decode_error",
	51:  "decrypt_error",
	52:  "too_many_cids_requested",
	60:  "export_restriction",
	70:  "protocol_version",
	71:  "insufficient_security",
	80:  "internal_error",
	86:  "inappropriate_fallback",
	90:  "user_canceled",
	100: "no_renegotiation",
	109: "missing_extension",
	110: "unsupported_extension",
	111: "certificate_unobtainable",
	112: "unrecognized_name",
	113: "bad_certificate_status_response",
	114: "bad_certificate_hash_value",
	115: "unknown_psk_identity",
	116: "certificate_required",
	117: "general_error",
	120: "no_application_protocol",
	121: "ech_required",
}
