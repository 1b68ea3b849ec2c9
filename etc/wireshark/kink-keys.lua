-- The session keys that kink.lua was given, and which of them fits a message: RFC 4430 4, 4.2.7, 8.
-- Takes kink-crypto.lua's table; nil when that could not be loaded.
local crypto = ...

-- RFC 4430 8.
local USAGE_ENCRYPT, USAGE_CHECKSUM = 39, 40

local store = {}

-- In the order found: { etype, key, text, specific keys as they are needed }.
local keys = {}
-- By frame: which key fits, and what was decrypted with it.
local verified = {}
-- The key that fitted last, by transaction and by pair of addresses.
local remembered = {}

local function octets_of_hex(hex)
	return (hex:gsub("..", function(two) return string.char(tonumber(two, 16)) end))
end

local function add_key(known, etype, hex, names)
	local profile = crypto.etypes[etype]
	if not profile then
		store.problem = "etype " .. tostring(etype) .. " is not among 17 to 20"
	elseif #hex ~= 2 * profile.size then
		store.problem = "a key of " .. profile.name .. " has " .. profile.size .. " octets"
	elseif not known[etype .. hex:lower()] then
		known[etype .. hex:lower()] = true
		keys[#keys + 1] = { etype = etype, key = octets_of_hex(hex), mac = profile.mac,
			text = profile.name .. (names ~= "" and ", " .. names or "") }
	end
end

-- What stands in the two preferences; store.problem says what is wrong with it.
function store.read(listed, path)
	keys, store.problem = {}, nil
	if not crypto then
		store.problem = "kink-crypto.lua cannot be loaded from beside kink.lua"
		return
	end
	local known = {}
	for word in listed:gmatch("[^%s,;]+") do
		local etype, hex = word:match("^(%d+):(%x+)$")
		if etype then
			add_key(known, tonumber(etype), hex, "")
		else
			store.problem = "a session key is written ETYPE:KEY, KEY in hex"
		end
	end
	if path == "" then
		return
	end
	local file, problem = io.open(path, "r")
	if not file then
		store.problem = problem
		return
	end
	for line in file:lines() do
		local etype, hex, names = line:match("^#%s*kink%-key%s+(%d+)%s+(%x+)%s*(.*)$")
		if etype then
			add_key(known, tonumber(etype), hex, names)
		end
	end
	file:close()
end

-- Kc of a session key, derived once.
local function checksum_key(one)
	if not one.kc then
		one.kc = crypto.keys(one.etype, one.key, USAGE_CHECKSUM)
	end
	return one.kc
end

-- The plaintext of a KINK_ENCRYPT payload; nil when it was not made with this key.
function store.decrypt(one, ciphertext)
	if not one.ke then
		local _, ke, ki = crypto.keys(one.etype, one.key, USAGE_ENCRYPT)
		one.ke, one.ki = ke, ki
	end
	return crypto.decrypt(one.etype, one.ke, one.ki, ciphertext)
end

-- The checksum covers the message as it was before its own length came in (RFC 4430 4).
local function signed_part(message, cksum_len)
	local octets = message:raw()
	local size = #octets - cksum_len
	return octets:sub(1, 2) .. string.char(math.floor(size / 256), size % 256)
		.. octets:sub(5, 14) .. "\0\0" .. octets:sub(17, size)
end

local function pair_of(pinfo)
	local a, b = tostring(pinfo.src), tostring(pinfo.dst)
	return a < b and a .. " " .. b or b .. " " .. a
end

-- What is known of a message: key, the session key under which it was made, if it is one of ours;
-- expected, the one that the rest of its transaction was made under; plain, for the caller's use.
function store.find(message, cksum_len, xid, pinfo)
	local name = pinfo.number .. " " .. xid .. " " .. message(0, 1):uint()
	if verified[name] then
		return verified[name]
	end
	local found = {}
	verified[name] = found
	if not crypto or cksum_len == 0 then
		return found
	end
	local pair = pair_of(pinfo)
	local transaction = pair .. " " .. xid
	local octets, cksum = signed_part(message, cksum_len), message:raw(message:len() - cksum_len)
	local tried = {}
	local function try(one)
		if one and not tried[one] and one.mac == cksum_len then
			tried[one] = true
			if crypto.get_mic(one.etype, checksum_key(one), octets) == cksum then
				found.key = one
				remembered[transaction], remembered[pair] = one, one
			end
		end
		return found.key
	end
	found.expected = remembered[transaction]
	if not try(remembered[transaction]) and not try(remembered[pair]) then
		for i = #keys, 1, -1 do
			if try(keys[i]) then
				break
			end
		end
	end
	return found
end

-- For another capture.
function store.forget()
	verified, remembered = {}, {}
end

return store
