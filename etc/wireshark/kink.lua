-- Wireshark dissector for KINK, RFC 4430: every message and payload, the inner Kerberos messages
-- and ISAKMP payloads by Wireshark's own dissectors, and, with the session key, the checksum and
-- what is encrypted. For Wireshark 4.0 and later; kink-keys.lua and kink-crypto.lua must lie
-- beside it.
--
-- Wireshark's built-in "kink" decodes a draft that was changed before the RFC. This one takes its
-- port; since the name is taken, its fields begin with "rfc4430".

local folder = debug.getinfo(1, "S").source:match("^@(.*[/\\])") or ""

-- Not by dofile(), which in Wireshark looks elsewhere. Returns nil when there is no such file.
local function load_part(name, ...)
	local file = io.open(folder .. name, "r")
	local text = file and file:read("*a")
	if not file then
		return nil
	end
	file:close()
	return assert(load(text, "@" .. folder .. name))(...)
end

local keys = assert(load_part("kink-keys.lua", load_part("kink-crypto.lua")),
	folder .. "kink-keys.lua is missing")

local kink = Proto("rfc4430", "Kerberized Internet Negotiation of Keys")

local types = { [1] = "CREATE", [2] = "DELETE", [3] = "REPLY", [4] = "GETTGT", [5] = "ACK",
	[6] = "STATUS" }
local payload_types = { [0] = "KINK_DONE", [1] = "KINK_AP_REQ", [2] = "KINK_AP_REP",
	[3] = "KINK_KRB_ERROR", [4] = "KINK_TGT_REQ", [5] = "KINK_TGT_REP", [6] = "KINK_ISAKMP",
	[7] = "KINK_ENCRYPT", [8] = "KINK_ERROR" }
local dois = { [1] = "IPsec" }
local errors = { [0] = "KINK_OK", [1] = "KINK_PROTOERR", [2] = "KINK_INVDOI", [3] = "KINK_INVMAJ",
	[5] = "KINK_INTERR", [6] = "KINK_BADQMVERS", [7] = "KINK_U2UDENIED" }
local isakmp_types = { [0] = "NONE", [1] = "SA", [4] = "KE", [5] = "ID", [8] = "HASH",
	[10] = "NONCE", [11] = "NOTIFICATION", [12] = "DELETE", [13] = "VID", [20] = "NAT-D",
	[21] = "NAT-OA" }
local checksum_states = { [0] = "Bad", [1] = "Good", [2] = "Unverified", [3] = "Not present" }

local DONE, AP_REQ, AP_REP, KRB_ERROR, TGT_REQ, TGT_REP, ISAKMP, ENCRYPT, ERROR =
	0, 1, 2, 3, 4, 5, 6, 7, 8
local REPLY, ACK = 3, 5
local HEADER_SIZE, GENERIC_SIZE, ALIGNMENT = 16, 4, 4
-- As many payloads as anyone can mean.
local PAYLOADS_MAX = 64
-- A transaction ID that comes up again after so many seconds is another transaction's.
local TRANSACTION_SECONDS = 120

local field = {
	type = ProtoField.uint8("rfc4430.type", "Type", base.DEC, types),
	version = ProtoField.uint8("rfc4430.version", "Major version", base.DEC, nil, 0xf0),
	reserved = ProtoField.uint8("rfc4430.reserved", "Reserved", base.HEX, nil, 0x0f),
	length = ProtoField.uint16("rfc4430.length", "Length", base.DEC),
	doi = ProtoField.uint32("rfc4430.doi", "Domain of interpretation", base.DEC, dois),
	xid = ProtoField.uint32("rfc4430.xid", "Transaction ID", base.HEX),
	next_payload = ProtoField.uint8("rfc4430.next_payload", "Next payload", base.DEC,
		payload_types),
	ackreq = ProtoField.bool("rfc4430.ackreq", "ACKREQ", 8, { "ACK requested", "No ACK requested" },
		0x80),
	reserved2 = ProtoField.uint8("rfc4430.reserved2", "Reserved", base.HEX, nil, 0x7f),
	cksum_len = ProtoField.uint16("rfc4430.cksum_len", "Checksum length", base.DEC),
	cksum = ProtoField.bytes("rfc4430.cksum", "Checksum"),
	cksum_status = ProtoField.uint8("rfc4430.cksum.status", "Checksum status", base.DEC,
		checksum_states),
	key = ProtoField.string("rfc4430.key", "Session key"),
	payload = ProtoField.none("rfc4430.payload", "Payload"),
	payload_type = ProtoField.uint8("rfc4430.payload.type", "Type", base.DEC, payload_types),
	payload_next = ProtoField.uint8("rfc4430.payload.next", "Next payload", base.DEC, payload_types),
	payload_reserved = ProtoField.uint8("rfc4430.payload.reserved", "Reserved", base.HEX),
	payload_length = ProtoField.uint16("rfc4430.payload.length", "Payload length", base.DEC),
	payload_data = ProtoField.bytes("rfc4430.payload.data", "Data"),
	padding = ProtoField.bytes("rfc4430.padding", "Padding"),
	trailing = ProtoField.bytes("rfc4430.trailing", "Octets after the message"),
	epoch = ProtoField.absolute_time("rfc4430.epoch", "Epoch", base.UTC),
	principal = ProtoField.string("rfc4430.principal", "Principal"),
	tgt = ProtoField.bytes("rfc4430.tgt", "Ticket-granting ticket"),
	isakmp_next = ProtoField.uint8("rfc4430.isakmp.next", "First inner payload", base.DEC,
		isakmp_types),
	qm_major = ProtoField.uint8("rfc4430.isakmp.qmmaj", "Quick Mode major version", base.DEC, nil,
		0xf0),
	qm_minor = ProtoField.uint8("rfc4430.isakmp.qmmin", "Quick Mode minor version", base.DEC, nil,
		0x0f),
	isakmp_reserved = ProtoField.uint16("rfc4430.isakmp.reserved", "Reserved", base.HEX),
	isakmp_data = ProtoField.bytes("rfc4430.isakmp.data", "Quick Mode payloads"),
	encrypted = ProtoField.bytes("rfc4430.encrypt.data", "Encrypted data"),
	plain = ProtoField.bytes("rfc4430.encrypt.plain", "Decrypted payloads"),
	inner_next = ProtoField.uint8("rfc4430.encrypt.next", "First inner payload", base.DEC,
		payload_types),
	inner_reserved = ProtoField.uint24("rfc4430.encrypt.reserved", "Reserved", base.HEX),
	error = ProtoField.uint32("rfc4430.error", "Error code", base.DEC, errors),
	response_in = ProtoField.framenum("rfc4430.response_in", "Reply in", base.NONE,
		frametype.RESPONSE),
	response_to = ProtoField.framenum("rfc4430.response_to", "Command in", base.NONE,
		frametype.REQUEST),
	ack_in = ProtoField.framenum("rfc4430.ack_in", "ACK in", base.NONE, frametype.ACK),
	ack_to = ProtoField.framenum("rfc4430.ack_to", "ACK to the reply in", base.NONE,
		frametype.REQUEST),
	first_in = ProtoField.framenum("rfc4430.retransmission_of", "Sent again; first in", base.NONE,
		frametype.RETRANS_PREV),
	time = ProtoField.relative_time("rfc4430.time", "Time since the command"),
}
local fields = {}
for _, one in pairs(field) do
	fields[#fields + 1] = one
end
kink.fields = fields

local expert_malformed = ProtoExpert.new("rfc4430.malformed", "Malformed", expert.group.MALFORMED,
	expert.severity.ERROR)
local expert_rule = ProtoExpert.new("rfc4430.violation", "Against RFC 4430",
	expert.group.PROTOCOL, expert.severity.WARN)
local expert_checksum = ProtoExpert.new("rfc4430.cksum.bad", "The checksum is wrong",
	expert.group.CHECKSUM, expert.severity.ERROR)
local expert_error = ProtoExpert.new("rfc4430.error.sent", "An error was sent",
	expert.group.RESPONSE_CODE, expert.severity.NOTE)
local expert_again = ProtoExpert.new("rfc4430.retransmission", "Sent again",
	expert.group.SEQUENCE, expert.severity.NOTE)
local expert_keys = ProtoExpert.new("rfc4430.keys", "The keys cannot be used",
	expert.group.DECRYPTION, expert.severity.WARN)
kink.experts = { expert_malformed, expert_rule, expert_checksum, expert_error, expert_again,
	expert_keys }

kink.prefs.port = Pref.uint("UDP port", 910, "The port of KINK")
kink.prefs.key_file = Pref.string("Key file", "",
	"The file that kinkd writes with daemon.debug_keys: its lines "
	.. "\"# kink-key ETYPE KEY ...\" hold Kerberos session keys, ETYPE being 17 to 20 and KEY in hex")
kink.prefs.keys = Pref.string("Session keys", "",
	"More session keys, separated by blanks, each as ETYPE:KEY")

-- --- transactions --------------------------------------------------------------------------------

-- By addresses and transaction ID, in the order of time: { command, reply, ack, start, ... }.
local transactions = {}
-- By frame.
local places = {}

-- What a message has to do with those before it; worked out once, when it is first seen.
local function place_of(kind, xid, pinfo)
	local name = pinfo.number .. " " .. xid .. " " .. kind
	local place = places[name]
	if place then
		return place
	end
	local from = tostring(pinfo.src)
	local to = tostring(pinfo.dst)
	local initiator, responder = from, to
	if kind == REPLY then
		initiator, responder = to, from
	end
	local key = initiator .. " " .. responder .. " " .. xid
	local seconds = pinfo.abs_ts
	local transaction = transactions[key]
	local is_command = kind ~= REPLY and kind ~= ACK
	if transaction and (seconds - transaction.last > TRANSACTION_SECONDS
		or is_command and transaction.kind and transaction.kind ~= kind) then
		transaction = nil
	end
	if not transaction then
		transaction = {}
		transactions[key] = transaction
	end
	transaction.last = seconds
	place = { transaction = transaction }
	local role = kind == REPLY and "reply" or kind == ACK and "ack" or "command"
	if transaction[role] then
		place.first = transaction[role]
	else
		transaction[role] = pinfo.number
	end
	if is_command then
		transaction.kind = kind
		transaction.start = transaction.start or seconds
	end
	places[name] = place
	return place
end

local function show_place(tree, kind, place, pinfo)
	local transaction = place.transaction
	local function link(what, number)
		if number then
			tree:add(what, number):set_generated()
		end
	end
	if place.first then
		link(field.first_in, place.first)
		tree:add_proto_expert_info(expert_again)
	end
	if kind == REPLY then
		link(field.response_to, transaction.command)
		link(field.ack_in, transaction.ack)
	elseif kind == ACK then
		link(field.response_to, transaction.command)
		link(field.ack_to, transaction.reply)
	else
		link(field.response_in, transaction.reply)
		return
	end
	if transaction.start then
		local since = pinfo.abs_ts - transaction.start
		local seconds = math.floor(since)
		tree:add(field.time, NSTime.new(seconds, math.floor((since - seconds) * 1e9)))
			:set_generated()
	end
end

-- --- payloads ------------------------------------------------------------------------------------

local function malformed(tree, text)
	tree:add_proto_expert_info(expert_malformed, text)
end

local function against(tree, text)
	tree:add_proto_expert_info(expert_rule, text)
end

-- What another dissector cannot read is raised as an error here.
local function call(dissector, what, octets, pinfo, tree)
	local ok = pcall(function() dissector:call(octets, pinfo, tree) end)
	if not ok then
		malformed(tree, "Wireshark's dissector of " .. what .. " cannot read it to its end")
	end
end

-- Wireshark offers its Kerberos dissector only by its port.
local function kerberos(range, pinfo, tree)
	local dissector = DissectorTable.get("udp.port"):get_dissector(88)
	if dissector then
		call(dissector, "Kerberos", range:tvb(), pinfo, tree)
	else
		tree:add(field.payload_data, range)
	end
end

local show = {}

-- A Kerberos message, after an epoch where it has one (RFC 4430 4.2.1 to 4.2.3).
local function show_kerberos(with_epoch, what)
	return function(body, pinfo, tree)
		local at = 0
		if with_epoch then
			if body:len() < 4 then
				return malformed(tree, "There is no room for the epoch")
			end
			tree:add(field.epoch, body(0, 4))
			at = 4
		end
		if body:len() == at then
			return malformed(tree, "There is no " .. what)
		end
		kerberos(body(at), pinfo, tree)
	end
end

show[AP_REQ] = show_kerberos(true, "AP-REQ")
show[AP_REP] = show_kerberos(true, "AP-REP")
show[KRB_ERROR] = show_kerberos(false, "KRB-ERROR")

-- RFC 4430 4.2.4: as the name inside an exported name of RFC 1964 2.1.3.
show[TGT_REQ] = function(body, _, tree)
	tree:add(field.principal, body)
end

show[TGT_REP] = function(body, pinfo, tree)
	tree:add(field.tgt, body)
	kerberos(body, pinfo, tree)
end

local function number(octet_count, value)
	local out = {}
	for i = octet_count, 1, -1 do
		out[i] = string.char(value % 256)
		value = math.floor(value / 256)
	end
	return table.concat(out)
end

-- Wireshark's ISAKMP dissector takes whole messages only, so the payloads get a header in front: a
-- Quick Mode message of which nothing but the payloads was on the wire (RFC 2408 3.1).
local function isakmp(first, range, pinfo, tree, info)
	local message = ("\0"):rep(16) .. string.char(first, 0x10, 32, 0) .. number(4, info.xid)
		.. number(4, 28 + range:len()) .. range:raw()
	local octets = ByteArray.new(message, true)
	call(Dissector.get("isakmp"), "ISAKMP",
		octets:tvb("KINK_ISAKMP payloads after a made-up header"), pinfo, tree)
end

show[ISAKMP] = function(body, pinfo, tree, info)
	if body:len() < 4 then
		return malformed(tree, "The payload is shorter than its own header")
	end
	tree:add(field.isakmp_next, body(0, 1))
	tree:add(field.qm_major, body(1, 1))
	tree:add(field.qm_minor, body(1, 1))
	tree:add(field.isakmp_reserved, body(2, 2))
	local version = body(1, 1):uint()
	if body:len() > 4 then
		local range = body(4)
		local data = tree:add(field.isakmp_data, range)
		if version == 0x10 then
			isakmp(body(0, 1):uint(), range, pinfo, data, info)
		else
			against(tree, "Quick Mode payloads of a version other than 1.0 (4.2.6)")
		end
	elseif body(0, 1):uint() ~= 0 then
		malformed(tree, "There is no inner payload")
	end
end

show[ERROR] = function(body, _, tree, info)
	if body:len() ~= 4 then
		return malformed(tree, "The error code takes four octets")
	end
	local code = body(0, 4):uint()
	local name = errors[code] or tostring(code)
	tree:add(field.error, body(0, 4))
	tree:add_proto_expert_info(expert_error, name)
	info.words[#info.words + 1] = name
end

-- Payloads from `at` on, aligned as counted from the start of range (RFC 4430 4.1). Returns where
-- they end; nil when something is wrong with them.
local chain

show[ENCRYPT] = function(body, pinfo, tree, info)
	local data = tree:add(field.encrypted, body)
	local found = info.found
	if not found.key then
		return
	end
	if found.plain == nil then
		found.plain = keys.decrypt(found.key, body:raw()) or false
	end
	if not found.plain then
		return malformed(data, "It is not encrypted under the session key")
	end
	if #found.plain < 4 then
		return malformed(data, "What was encrypted is shorter than its own header")
	end
	local plain = ByteArray.new(found.plain, true):tvb("Decrypted KINK_ENCRYPT")
	local range = plain:range()
	local inner = tree:add(field.plain, range)
	inner:add(field.inner_next, range(0, 1))
	inner:add(field.inner_reserved, range(1, 3))
	info.words[#info.words + 1] = "{"
	info.inside = true
	local at = chain(range(0, 1):uint(), range, 4, pinfo, inner, info)
	info.inside = false
	info.words[#info.words + 1] = "}"
	if at and at < range:len() then
		inner:add(field.padding, range(at))
	end
end

chain = function(first, range, at, pinfo, tree, info)
	local kind, count = first, 0
	while kind ~= DONE do
		local padding = -at % ALIGNMENT
		local name = payload_types[kind] or "Payload " .. kind
		count = count + 1
		if at + padding + GENERIC_SIZE > range:len() then
			malformed(tree, name .. " is announced, but there is no room for it")
			return nil
		end
		if count > PAYLOADS_MAX then
			malformed(tree, "There are more than " .. PAYLOADS_MAX .. " payloads")
			return nil
		end
		if padding > 0 then
			tree:add(field.padding, range(at, padding))
			at = at + padding
		end
		local length = range(at + 2, 2):uint()
		local subtree = tree:add(field.payload, range(at, GENERIC_SIZE))
		subtree:set_text(name)
		subtree:add(field.payload_type, range(at, GENERIC_SIZE), kind):set_generated()
		subtree:add(field.payload_next, range(at, 1))
		subtree:add(field.payload_reserved, range(at + 1, 1))
		subtree:add(field.payload_length, range(at + 2, 2))
		info.words[#info.words + 1] = (payload_types[kind] or "payload " .. kind)
			:gsub("^KINK_", ""):gsub("_", "-")
		if length < GENERIC_SIZE then
			malformed(subtree, "The payload is shorter than its own header")
			return nil
		end
		if at + length > range:len() then
			malformed(subtree, "The payload is longer than what is left of the message")
			return nil
		end
		subtree:set_len(length)
		local next_kind = range(at, 1):uint()
		if kind == ENCRYPT and info.inside then
			malformed(subtree, "Encrypted payloads do not nest (4.2.7)")
		elseif kind == ENCRYPT and next_kind ~= DONE then
			malformed(subtree, "KINK_ENCRYPT is not the last payload (4.2.7)")
		end
		if length > GENERIC_SIZE then
			local body = range(at + GENERIC_SIZE, length - GENERIC_SIZE)
			if show[kind] and not (kind == ENCRYPT and info.inside) then
				show[kind](body, pinfo, subtree, info)
			else
				subtree:add(field.payload_data, body)
			end
		elseif show[kind] then
			malformed(subtree, "The payload is empty")
		end
		at = at + length
		kind = next_kind
	end
	return at
end

-- --- the message -----------------------------------------------------------------------------------

-- What the header says of the rest; nil and why it cannot be so.
local function measure(buffer, length, cksum_len)
	if length < HEADER_SIZE then
		return nil, "The message is shorter than its own header"
	end
	if length > buffer:len() then
		return nil, length > buffer:reported_len() and "The message is longer than the datagram"
			or "The datagram was not captured whole"
	end
	if cksum_len > length - HEADER_SIZE then
		return nil, "The checksum is longer than the message"
	end
	if cksum_len > 0 and (length - cksum_len) % ALIGNMENT ~= 0 then
		return nil, "The checksum does not begin at a multiple of four octets (4.1)"
	end
	return length - cksum_len
end

local function show_checksum(tree, range, found)
	local state = found.key and 1 or found.expected and 0 or 2
	local shown = tree:add(field.cksum, range)
	shown:add(field.cksum_status, range, state):set_generated()
	if found.key then
		shown:add(field.key, found.key.text):set_generated()
	elseif found.expected then
		shown:add_proto_expert_info(expert_checksum)
	end
end

local function show_header(tree, range)
	tree:add(field.type, range(0, 1))
	tree:add(field.version, range(1, 1))
	tree:add(field.reserved, range(1, 1))
	local length = tree:add(field.length, range(2, 2))
	tree:add(field.doi, range(4, 4))
	tree:add(field.xid, range(8, 4))
	tree:add(field.next_payload, range(12, 1))
	tree:add(field.ackreq, range(13, 1))
	tree:add(field.reserved2, range(13, 1))
	tree:add(field.cksum_len, range(14, 2))
	return length
end

function kink.dissector(buffer, pinfo, root)
	local size = buffer:len()
	local tree = root:add(kink, buffer:range())
	pinfo.cols.protocol = "KINK"
	if size < HEADER_SIZE then
		malformed(tree, "The datagram is shorter than KINK's header")
		pinfo.cols.info = "Malformed: " .. size .. " octets"
		return size
	end
	local range = buffer:range()
	local length_shown = show_header(tree, range)
	local kind, xid = range(0, 1):uint(), range(8, 4):uint()
	local length, cksum_len = range(2, 2):uint(), range(14, 2):uint()
	local title = string.format("%s xid=0x%08x", types[kind] or "Type " .. kind, xid)
	local info = { xid = xid, words = {}, found = {} }
	tree:append_text(", " .. title)

	if range(1, 1):bitfield(0, 4) ~= 1 then
		against(tree, "The major version is not 1: what follows may be something else (4)")
		pinfo.cols.info = title .. " version " .. range(1, 1):bitfield(0, 4)
		return size
	end
	if range(4, 4):uint() ~= 1 then
		against(tree, "The domain of interpretation is not IPsec's (4)")
	end
	if kind ~= REPLY and range(13, 1):bitfield(0, 1) == 1 then
		against(tree, "Only a REPLY may request an ACK (4)")
	end
	if types[kind] then
		show_place(tree, kind, place_of(kind, xid, pinfo), pinfo)
	end
	if keys.problem then
		tree:add_proto_expert_info(expert_keys, keys.problem)
	end

	local payloads_end, problem = measure(buffer, length, cksum_len)
	if not payloads_end then
		malformed(length_shown, problem)
		payloads_end, cksum_len = size, 0
	else
		local message = range(0, length)
		info.found = keys.find(message, cksum_len, xid, pinfo)
	end
	local at = chain(range(12, 1):uint(), range(0, payloads_end), HEADER_SIZE, pinfo, tree, info)
	if at and at < payloads_end then
		local padding = tree:add(field.padding, range(at, payloads_end - at))
		if payloads_end - at > -at % ALIGNMENT then
			malformed(padding, "More than padding stands behind the last payload (4.1)")
		end
	end
	if cksum_len > 0 then
		show_checksum(tree, range(payloads_end, cksum_len), info.found)
	end
	if not problem and size > length then
		tree:add(field.trailing, range(length))
	end

	-- The inner dissectors had a hand in them.
	pinfo.cols.protocol = "KINK"
	pinfo.cols.info = title .. " " .. table.concat(info.words, " ")
		.. (range(13, 1):bitfield(0, 1) == 1 and " ACKREQ" or "")
		.. (problem and " [malformed]" or "")
	return size
end

-- --- registration ----------------------------------------------------------------------------------

local port

local function register()
	local ports = DissectorTable.get("udp.port")
	if port ~= kink.prefs.port then
		if port and port ~= 0 then
			ports:remove(port, kink)
		end
		port = kink.prefs.port
		if port ~= 0 then
			ports:add(port, kink)
		end
	end
end

local function read_keys()
	keys.read(kink.prefs.keys or "", kink.prefs.key_file or "")
end

function kink.prefs_changed()
	register()
	read_keys()
end

-- A file is read anew.
function kink.init()
	transactions, places = {}, {}
	keys.forget()
	read_keys()
end

register()
