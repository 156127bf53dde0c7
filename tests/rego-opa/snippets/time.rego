# Time.

# == the clock
# ours: [true]
# opa: any
# differs: 24
deny contains time.now_ns() == 1795341600000000000

# == the clock in the input
# input: {"time": "2026-11-22T10:00:00Z"}
# ours: [true]
deny contains time.parse_rfc3339_ns(input.time) > 0

# == time.parse_rfc3339_ns
# ours: [[1795341600000000000,1795334400000000000,500000000]]
deny contains [time.parse_rfc3339_ns("2026-11-22T10:00:00Z"), time.parse_rfc3339_ns("2026-11-22T10:00:00+02:00"), time.parse_rfc3339_ns("1970-01-01T00:00:00.5Z")]

# == a time that is none
# ours: error "Failed to parse datetime: premature end of input"
deny contains time.parse_rfc3339_ns("tomorrow")

# == the thirtieth of February
# ours: error "Failed to parse datetime: input is out of range"
deny contains time.parse_rfc3339_ns("2026-02-30T00:00:00Z")

# == a time without a zone
# ours: error "Failed to parse datetime: premature end of input"
deny contains time.parse_rfc3339_ns("2026-11-22T10:00:00")

# == a time with a space
# ours: [1795341600000000000]
# opa: error "eval_builtin_error"
# differs: 21
deny contains time.parse_rfc3339_ns("2026-11-22 10:00:00Z")

# == a time in lower case
# ours: [1795341600000000000]
# opa: error "eval_builtin_error"
# differs: 21
deny contains time.parse_rfc3339_ns("2026-11-22t10:00:00z")

# == a leap second
# ours: [1483228800000000000]
# opa: error "eval_builtin_error"
# differs: 21
deny contains time.parse_rfc3339_ns("2016-12-31T23:59:60Z")

# == time.date, time.clock and time.weekday
# ours: [[[2026,11,22],[10,0,0],"Sunday"]]
deny contains [time.date(1795341600000000000), time.clock(1795341600000000000), time.weekday(1795341600000000000)]

# == time.date in a zone
# ours: [[[2026,11,22],[5,0,0],"Sunday"]]
deny contains [time.date([1795341600000000000, "Asia/Tokyo"]), time.clock([1795341600000000000, "America/New_York"]), time.weekday([1795341600000000000, "Pacific/Auckland"])]

# == time in an unknown zone
# ours: error "failed to parse timezone"
deny contains time.date([0, "Europe/Nowhere"])

# == time in the zone of the machine
# ours: error "time.date: `Local` would be this machine's time zone: name one"
# opa: any
# differs: 24
deny contains count(time.date([0, "Local"]))

# == time.add_date
# ours: [[36892800000000000,1795255200000000000]]
deny contains [time.add_date(0, 1, 2, 3), time.add_date(1795341600000000000, 0, 0, -1)]

# == time.add_date to a day that the month does not have
# ours: [1772236800000000000]
# opa: [1772496000000000000]
# differs: 22
deny contains time.add_date(1767139200000000000, 0, 2, 0)

# == time.diff
# ours: [[[0,10,22,10,0,0],[0,0,0,0,0,0],[0,0,1,0,0,0]]]
deny contains [time.diff(1795341600000000000, 1767139200000000000), time.diff(0, 0), time.diff(0, 86400000000000)]

# == time.diff over the end of February
# ours: [[0,1,1,0,0,0]]
deny contains time.diff(1772323200000000000, 1769817600000000000)

# == time.diff in zones
# ours: [[0,10,22,10,0,0]]
deny contains time.diff([1795341600000000000, "Asia/Tokyo"], [1767139200000000000, "UTC"])

# == time.format
# ours: [["1970-01-01T00:00:00Z","2026-11-22T10:00:00Z","2026-11-22T19:00:00+09:00"]]
deny contains [time.format(0), time.format(1795341600000000000), time.format([1795341600000000000, "Asia/Tokyo"])]

# == time.format with a layout
# ours: ["2026-11-22"]
deny contains time.format([1795341600000000000, "UTC", "2006-01-02"])

# == time.format with the name of a layout
# ours: [["Sun, 22 Nov 2026 10:00:00 +00:00","Kitchen"]]
# opa: [["Sun, 22 Nov 2026 10:00:00 UTC","Kitchen"]]
# differs: 23
deny contains [time.format([1795341600000000000, "UTC", "RFC1123"]), time.format([1795341600000000000, "UTC", "Kitchen"])]

# == time.parse_duration_ns
# ours: [[5400000000000,-2000000000,1500000,0]]
deny contains [time.parse_duration_ns("1h30m"), time.parse_duration_ns("-2s"), time.parse_duration_ns("1.5ms"), time.parse_duration_ns("0")]

# == a duration in days
# ours: error "unknown unit: d"
# opa: [172800000000000]
# differs: 23
deny contains time.parse_duration_ns("2d")

# == time.parse_ns
# ours: [[1795305600000000000,1795338000000000000]]
deny contains [time.parse_ns("2006-01-02", "2026-11-22"), time.parse_ns("2006-01-02T15:04:05Z07:00", "2026-11-22T10:00:00+01:00")]

# == time.parse_ns of what does not fit the layout
# ours: error "Failed to parse datetime: input contains invalid characters"
deny contains time.parse_ns("2006-01-02", "22.11.2026")

# == time.parse_ns with the name of a layout
# ours: [1795341600000000000]
deny contains time.parse_ns("RFC822", "22 Nov 26 10:00 UTC")

# == a time beyond 64 bits
# ours: error "time outside of valid range"
deny contains time.parse_rfc3339_ns("2400-01-01T00:00:00Z")

# == times are compared as numbers
# ours: ["past"]
deny contains "past" if time.parse_rfc3339_ns("2020-01-01T00:00:00Z") < time.parse_rfc3339_ns("2026-01-01T00:00:00Z")
