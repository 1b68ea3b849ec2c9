-- What kink.lua needs of Kerberos' cryptography, in plain Lua, since Wireshark 4.0 offers none:
-- checksums and decryption under the etypes aes128-cts-hmac-sha1-96 and aes256-cts-hmac-sha1-96
-- (RFC 3961, RFC 3962), aes128-cts-hmac-sha256-128 and aes256-cts-hmac-sha384-192 (RFC 8009).
-- Octets are Lua strings. Nothing here takes constant time: it is for keys that are no secret.

-- Lua 5.2 has bit32, later versions have operators.
local bits = bit32 or load([[
	local function fold(operation)
		return function(first, ...)
			for i = 1, select("#", ...) do
				first = operation(first, (select(i, ...)))
			end
			return first & 0xffffffff
		end
	end
	local bits = {
		band = fold(function(a, b) return a & b end),
		bor = fold(function(a, b) return a | b end),
		bxor = fold(function(a, b) return a ~ b end),
		bnot = function(a) return ~a & 0xffffffff end,
		lshift = function(a, n) return (a << n) & 0xffffffff end,
		rshift = function(a, n) return (a & 0xffffffff) >> n end,
	}
	function bits.rrotate(a, n)
		return (a >> n | a << (32 - n)) & 0xffffffff
	end
	return bits
]])()
local band, bor, bxor, bnot = bits.band, bits.bor, bits.bxor, bits.bnot
local lshift, rshift, rrotate = bits.lshift, bits.rshift, bits.rrotate

local function number_of(octets, at)
	local a, b, c, d = octets:byte(at, at + 3)
	return bor(lshift(a, 24), lshift(b, 16), lshift(c, 8), d)
end

local function octets_of(number)
	return string.char(rshift(number, 24), band(rshift(number, 16), 255),
		band(rshift(number, 8), 255), band(number, 255))
end

-- --- hashes (FIPS 180-4) ---------------------------------------------------------------------

-- The message with what every hash of this family puts behind it.
local function padded(message, block)
	local zeros = (block - 9 - #message) % block
	return message .. "\128" .. ("\0"):rep(zeros) .. ("\0"):rep(4)
		.. octets_of(#message * 8)
end

local function sha1(message)
	local h0, h1, h2, h3, h4 = 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0
	message = padded(message, 64)
	for at = 1, #message, 64 do
		local w = {}
		for i = 0, 15 do
			w[i] = number_of(message, at + 4 * i)
		end
		for i = 16, 79 do
			w[i] = rrotate(bxor(w[i - 3], w[i - 8], w[i - 14], w[i - 16]), 31)
		end
		local a, b, c, d, e = h0, h1, h2, h3, h4
		for i = 0, 79 do
			local f
			if i < 20 then
				f = bxor(band(b, c), band(bnot(b), d)) + 0x5a827999
			elseif i < 40 then
				f = bxor(b, c, d) + 0x6ed9eba1
			elseif i < 60 then
				f = bor(band(b, c), band(b, d), band(c, d)) + 0x8f1bbcdc
			else
				f = bxor(b, c, d) + 0xca62c1d6
			end
			a, b, c, d, e = band(rrotate(a, 27) + f + e + w[i], 0xffffffff), a,
				rrotate(b, 2), c, d
		end
		h0, h1, h2 = band(h0 + a, 0xffffffff), band(h1 + b, 0xffffffff), band(h2 + c, 0xffffffff)
		h3, h4 = band(h3 + d, 0xffffffff), band(h4 + e, 0xffffffff)
	end
	return octets_of(h0) .. octets_of(h1) .. octets_of(h2) .. octets_of(h3) .. octets_of(h4)
end

-- SHA-512's constants; the left half of each of the first 64 is SHA-256's.
local constants_high, constants_low = {}, {}
for high, low in ([[
	428a2f98d728ae22 7137449123ef65cd b5c0fbcfec4d3b2f e9b5dba58189dbbc
	3956c25bf348b538 59f111f1b605d019 923f82a4af194f9b ab1c5ed5da6d8118
	d807aa98a3030242 12835b0145706fbe 243185be4ee4b28c 550c7dc3d5ffb4e2
	72be5d74f27b896f 80deb1fe3b1696b1 9bdc06a725c71235 c19bf174cf692694
	e49b69c19ef14ad2 efbe4786384f25e3 0fc19dc68b8cd5b5 240ca1cc77ac9c65
	2de92c6f592b0275 4a7484aa6ea6e483 5cb0a9dcbd41fbd4 76f988da831153b5
	983e5152ee66dfab a831c66d2db43210 b00327c898fb213f bf597fc7beef0ee4
	c6e00bf33da88fc2 d5a79147930aa725 06ca6351e003826f 142929670a0e6e70
	27b70a8546d22ffc 2e1b21385c26c926 4d2c6dfc5ac42aed 53380d139d95b3df
	650a73548baf63de 766a0abb3c77b2a8 81c2c92e47edaee6 92722c851482353b
	a2bfe8a14cf10364 a81a664bbc423001 c24b8b70d0f89791 c76c51a30654be30
	d192e819d6ef5218 d69906245565a910 f40e35855771202a 106aa07032bbd1b8
	19a4c116b8d2d0c8 1e376c085141ab53 2748774cdf8eeb99 34b0bcb5e19b48a8
	391c0cb3c5c95a63 4ed8aa4ae3418acb 5b9cca4f7763e373 682e6ff3d6b2b8a3
	748f82ee5defb2fc 78a5636f43172f60 84c87814a1f0ab72 8cc702081a6439ec
	90befffa23631e28 a4506cebde82bde9 bef9a3f7b2c67915 c67178f2e372532b
	ca273eceea26619c d186b8c721c0c207 eada7dd6cde0eb1e f57d4f7fee6ed178
	06f067aa72176fba 0a637dc5a2c898a6 113f9804bef90dae 1b710b35131c471b
	28db77f523047d84 32caab7b40c72493 3c9ebe0a15c9bebc 431d67c49c100d4c
	4cc5d4becb3e42b6 597f299cfc657e2a 5fcb6fab3ad6faec 6c44198c4a475817
]]):gmatch("(%x%x%x%x%x%x%x%x)(%x%x%x%x%x%x%x%x)") do
	constants_high[#constants_high + 1] = tonumber(high, 16)
	constants_low[#constants_low + 1] = tonumber(low, 16)
end

local function sha256(message)
	local h = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 }
	message = padded(message, 64)
	for at = 1, #message, 64 do
		local w = {}
		for i = 1, 16 do
			w[i] = number_of(message, at + 4 * (i - 1))
		end
		for i = 17, 64 do
			local x, y = w[i - 15], w[i - 2]
			w[i] = band(w[i - 16] + w[i - 7]
				+ bxor(rrotate(x, 7), rrotate(x, 18), rshift(x, 3))
				+ bxor(rrotate(y, 17), rrotate(y, 19), rshift(y, 10)), 0xffffffff)
		end
		local s = { h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8] }
		for i = 1, 64 do
			local a, e = s[1], s[5]
			local t1 = s[8] + bxor(rrotate(e, 6), rrotate(e, 11), rrotate(e, 25))
				+ bxor(band(e, s[6]), band(bnot(e), s[7])) + constants_high[i] + w[i]
			local t2 = bxor(rrotate(a, 2), rrotate(a, 13), rrotate(a, 22))
				+ bor(band(a, s[2]), band(a, s[3]), band(s[2], s[3]))
			s = { band(t1 + t2, 0xffffffff), a, s[2], s[3], band(s[4] + t1, 0xffffffff), e,
				s[6], s[7] }
		end
		for i = 1, 8 do
			h[i] = band(h[i] + s[i], 0xffffffff)
		end
	end
	local out = {}
	for i = 1, 8 do
		out[i] = octets_of(h[i])
	end
	return table.concat(out)
end

-- Numbers of 64 bits are pairs: the left half, the right half.

-- Halves that have overflowed, made good.
local function carried(high, low)
	return band(high + math.floor(low / 4294967296), 0xffffffff), band(low, 0xffffffff)
end

local function rotated(high, low, n)
	if n >= 32 then
		high, low, n = low, high, n - 32
	end
	if n == 0 then
		return high, low
	end
	return bor(rshift(high, n), lshift(low, 32 - n)), bor(rshift(low, n), lshift(high, 32 - n))
end

local function sigma(high, low, first, second, third, shifted)
	local h1, l1 = rotated(high, low, first)
	local h2, l2 = rotated(high, low, second)
	local h3, l3
	if shifted then
		h3, l3 = rshift(high, third), bor(rshift(low, third), lshift(high, 32 - third))
	else
		h3, l3 = rotated(high, low, third)
	end
	return bxor(h1, h2, h3), bxor(l1, l2, l3)
end

local function sha384(message)
	local high = { 0xcbbb9d5d, 0x629a292a, 0x9159015a, 0x152fecd8,
		0x67332667, 0x8eb44a87, 0xdb0c2e0d, 0x47b5481d }
	local low = { 0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939,
		0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4 }
	-- The length takes 16 octets here.
	local zeros = (128 - 17 - #message) % 128
	message = message .. "\128" .. ("\0"):rep(zeros + 12) .. octets_of(#message * 8)
	for at = 1, #message, 128 do
		local wh, wl = {}, {}
		for i = 1, 16 do
			wh[i] = number_of(message, at + 8 * (i - 1))
			wl[i] = number_of(message, at + 8 * (i - 1) + 4)
		end
		for i = 17, 80 do
			local h1, l1 = sigma(wh[i - 15], wl[i - 15], 1, 8, 7, true)
			local h2, l2 = sigma(wh[i - 2], wl[i - 2], 19, 61, 6, true)
			wh[i], wl[i] = carried(wh[i - 16] + h1 + wh[i - 7] + h2,
				wl[i - 16] + l1 + wl[i - 7] + l2)
		end
		local sh, sl = {}, {}
		for i = 1, 8 do
			sh[i], sl[i] = high[i], low[i]
		end
		for i = 1, 80 do
			local eh, el, ah, al = sh[5], sl[5], sh[1], sl[1]
			local h1, l1 = sigma(eh, el, 14, 18, 41)
			local h2, l2 = sigma(ah, al, 28, 34, 39)
			local t1h, t1l = carried(
				sh[8] + h1 + bxor(band(eh, sh[6]), band(bnot(eh), sh[7]))
					+ constants_high[i] + wh[i],
				sl[8] + l1 + bxor(band(el, sl[6]), band(bnot(el), sl[7]))
					+ constants_low[i] + wl[i])
			local t2h = h2 + bor(band(ah, sh[2]), band(ah, sh[3]), band(sh[2], sh[3]))
			local t2l = l2 + bor(band(al, sl[2]), band(al, sl[3]), band(sl[2], sl[3]))
			local newh, newl = carried(t1h + t2h, t1l + t2l)
			local nexth, nextl = carried(sh[4] + t1h, sl[4] + t1l)
			sh = { newh, ah, sh[2], sh[3], nexth, eh, sh[6], sh[7] }
			sl = { newl, al, sl[2], sl[3], nextl, el, sl[6], sl[7] }
		end
		for i = 1, 8 do
			high[i], low[i] = carried(high[i] + sh[i], low[i] + sl[i])
		end
	end
	local out = {}
	for i = 1, 6 do
		out[i] = octets_of(high[i]) .. octets_of(low[i])
	end
	return table.concat(out)
end

-- RFC 2104.
local function hmac(hash, block, key, message)
	if #key > block then
		key = hash(key)
	end
	key = key .. ("\0"):rep(block - #key)
	local inner = key:gsub(".", function(c) return string.char(bxor(c:byte(), 0x36)) end)
	local outer = key:gsub(".", function(c) return string.char(bxor(c:byte(), 0x5c)) end)
	return hash(outer .. hash(inner .. message))
end

-- --- AES (FIPS 197) --------------------------------------------------------------------------

local function doubled(a)
	return a < 128 and a * 2 or bxor(a * 2, 0x11b)
end

-- Substitution and its inverse, and multiples in GF(2^8), from powers of the generator 3.
local substitute, restore = {}, {}
local times = { [2] = {}, [3] = {}, [9] = {}, [11] = {}, [13] = {}, [14] = {} }
do
	local power, logarithm, a = {}, {}, 1
	for i = 0, 254 do
		power[i], logarithm[a] = a, i
		a = bxor(a, doubled(a))
	end
	for value = 0, 255 do
		local inverse = value == 0 and 0 or power[(255 - logarithm[value]) % 255]
		local all = inverse * 0x101
		local out = 0x63
		for shift = 4, 8 do
			out = bxor(out, band(rshift(all, shift), 255))
		end
		substitute[value], restore[out] = out, value
		for factor, products in pairs(times) do
			products[value] = value == 0 and 0
				or power[(logarithm[value] + logarithm[factor]) % 255]
		end
	end
end

-- Round keys as one list of octets from 0 on, and the number of rounds.
local function expanded(key)
	local words = #key / 4
	local rounds = words + 6
	local w, round_constant = { key:byte(1, -1) }, 1
	for i = words, 4 * (rounds + 1) - 1 do
		local at = 4 * i
		local t = { w[at - 3], w[at - 2], w[at - 1], w[at] }
		if i % words == 0 then
			t = { bxor(substitute[t[2]], round_constant), substitute[t[3]],
				substitute[t[4]], substitute[t[1]] }
			round_constant = doubled(round_constant)
		elseif words > 6 and i % words == 4 then
			t = { substitute[t[1]], substitute[t[2]], substitute[t[3]], substitute[t[4]] }
		end
		for j = 1, 4 do
			w[at + j] = bxor(w[at + j - 4 * words], t[j])
		end
	end
	return { octets = w, rounds = rounds }
end

local function add_round_key(s, schedule, round)
	for i = 1, 16 do
		s[i] = bxor(s[i], schedule.octets[16 * round + i])
	end
end

-- The octet that comes to place i when rows are shifted by so many columns for each row.
local function shifted_rows(s, direction, box)
	local out = {}
	for i = 0, 15 do
		out[i + 1] = box[s[(i + direction * 4 * (i % 4)) % 16 + 1]]
	end
	return out
end

local function mixed(s, a, b, c, d)
	local out = {}
	for i = 1, 13, 4 do
		for j = 0, 3 do
			local s0, s1 = s[i + j], s[i + (j + 1) % 4]
			local s2, s3 = s[i + (j + 2) % 4], s[i + (j + 3) % 4]
			out[i + j] = bxor(a[s0], b[s1], c[s2], d[s3])
		end
	end
	return out
end

local once = {}
for value = 0, 255 do
	once[value] = value
end

local function encrypt_block(schedule, block)
	local s = { block:byte(1, 16) }
	add_round_key(s, schedule, 0)
	for round = 1, schedule.rounds do
		s = shifted_rows(s, 1, substitute)
		if round < schedule.rounds then
			s = mixed(s, times[2], times[3], once, once)
		end
		add_round_key(s, schedule, round)
	end
	return string.char(table.unpack(s))
end

local function decrypt_block(schedule, block)
	local s = { block:byte(1, 16) }
	for round = schedule.rounds, 1, -1 do
		add_round_key(s, schedule, round)
		if round < schedule.rounds then
			s = mixed(s, times[14], times[11], times[13], times[9])
		end
		s = shifted_rows(s, -1, restore)
	end
	add_round_key(s, schedule, 0)
	return string.char(table.unpack(s))
end

local function xored(a, b)
	local out = {}
	for i = 1, #a do
		out[i] = bxor(a:byte(i), b:byte(i))
	end
	return string.char(table.unpack(out))
end

-- CBC with ciphertext stealing and an initial vector of zeros (RFC 3962 5): the last two blocks
-- changed places, and what the last plaintext block lacked was taken from its neighbour.
local function decrypt_cts(key, ciphertext)
	local schedule = expanded(key)
	if #ciphertext == 16 then
		return decrypt_block(schedule, ciphertext)
	end
	local out, previous = {}, ("\0"):rep(16)
	local tail = (#ciphertext - 1) % 16 + 1
	local whole = #ciphertext - tail - 16
	for at = 1, whole, 16 do
		local block = ciphertext:sub(at, at + 15)
		out[#out + 1] = xored(decrypt_block(schedule, block), previous)
		previous = block
	end
	local stolen = decrypt_block(schedule, ciphertext:sub(whole + 1, whole + 16))
	local last = ciphertext:sub(whole + 17)
	local block = last .. stolen:sub(tail + 1)
	out[#out + 1] = xored(decrypt_block(schedule, block), previous)
	out[#out + 1] = xored(stolen:sub(1, tail), last)
	return table.concat(out)
end

-- --- Kerberos ----------------------------------------------------------------------------------

-- RFC 3961 5.1: copies of the input, each rotated by 13 bits more, added in ones' complement.
local function n_fold(input, size)
	local a, b = size, #input
	while b ~= 0 do
		a, b = b, a % b
	end
	local total = size * #input / a
	local bit_count = #input * 8
	local sums = {}
	for i = 0, total - 1 do
		local rotation = 13 * math.floor(i / #input)
		local value = 0
		for j = 0, 7 do
			local place = (8 * (i % #input) + j - rotation) % bit_count
			local octet = input:byte(math.floor(place / 8) + 1)
			value = value * 2 + band(rshift(octet, 7 - place % 8), 1)
		end
		sums[i % size] = (sums[i % size] or 0) + value
	end
	local carry = 0
	repeat
		for i = size - 1, 0, -1 do
			local sum = sums[i] + carry
			sums[i], carry = band(sum, 255), rshift(sum, 8)
		end
	until carry == 0
	local out = {}
	for i = 0, size - 1 do
		out[i + 1] = string.char(sums[i])
	end
	return table.concat(out)
end

-- RFC 3961 5.1: DK, whose random-to-key function is the identity (RFC 3962 6).
local function derived_sha1(key, constant)
	local schedule = expanded(key)
	local block = #constant == 16 and constant or n_fold(constant, 16)
	local out = ""
	while #out < #key do
		block = encrypt_block(schedule, block)
		out = out .. block
	end
	return out:sub(1, #key)
end

-- RFC 8009 3: KDF-HMAC-SHA2 without a context.
local function derived_sha2(hash, block)
	return function(key, label, size)
		return hmac(hash, block, key, octets_of(1) .. label .. "\0" .. octets_of(8 * size))
			:sub(1, size)
	end
end

local etypes = {
	[17] = { name = "aes128-cts-hmac-sha1-96", size = 16, mac = 12, hash = sha1, block = 64,
		derive = derived_sha1 },
	[18] = { name = "aes256-cts-hmac-sha1-96", size = 32, mac = 12, hash = sha1, block = 64,
		derive = derived_sha1 },
	[19] = { name = "aes128-cts-hmac-sha256-128", size = 16, mac = 16, hash = sha256, block = 64,
		derive = derived_sha2(sha256, 64), integrity = 16, sha2 = true },
	[20] = { name = "aes256-cts-hmac-sha384-192", size = 32, mac = 24, hash = sha384, block = 128,
		derive = derived_sha2(sha384, 128), integrity = 24, sha2 = true },
}

local crypto = { etypes = etypes, n_fold = n_fold, decrypt_cts = decrypt_cts,
	hashes = { sha1 = sha1, sha256 = sha256, sha384 = sha384 } }

-- The specific keys Kc, Ke and Ki of a key usage number (RFC 3961 5.3, RFC 8009 5).
function crypto.keys(etype, key, usage)
	local profile = etypes[etype]
	local label = octets_of(usage)
	return profile.derive(key, label .. "\x99", profile.integrity),
		profile.derive(key, label .. "\xaa", profile.size),
		profile.derive(key, label .. "\x55", profile.integrity)
end

-- RFC 3961 5.4, RFC 8009 6.
function crypto.get_mic(etype, kc, message)
	local profile = etypes[etype]
	return hmac(profile.hash, profile.block, kc, message):sub(1, profile.mac)
end

-- The plaintext without its confounder; nil when the ciphertext was not made with these keys
-- (RFC 3961 5.3: the HMAC is that of the plaintext; RFC 8009 5: of vector and ciphertext).
function crypto.decrypt(etype, ke, ki, ciphertext)
	local profile = etypes[etype]
	local size = #ciphertext - profile.mac
	if size < 16 then
		return nil
	end
	local mac, body = ciphertext:sub(size + 1), ciphertext:sub(1, size)
	if profile.sha2 then
		local found = crypto.get_mic(etype, ki, ("\0"):rep(16) .. body)
		return found == mac and decrypt_cts(ke, body):sub(17) or nil
	end
	local plain = decrypt_cts(ke, body)
	return crypto.get_mic(etype, ki, plain) == mac and plain:sub(17) or nil
end

return crypto
