-- etc/wireshark/kink-crypto.lua against known answers. Run by crypto.sh; ends with an error, or with
-- the number of answers that were right.
local top_srcdir = os.getenv("top_srcdir") or "."
local crypto = assert(loadfile(top_srcdir .. "/etc/wireshark/kink-crypto.lua"))()
local right = 0

local function hex(octets)
	return (octets:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local function octets(text)
	return (text:gsub("%x%x", function(two) return string.char(tonumber(two, 16)) end))
end

local function check(what, expected, found)
	found = found and hex(found) or "nothing"
	if found ~= expected then
		error(what .. ": expected " .. expected .. ", found " .. found, 0)
	end
	right = right + 1
end

-- FIPS 180-2, appendices A to D: one block and more.
local long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
check("SHA-1", "a9993e364706816aba3e25717850c26c9cd0d89d", crypto.hashes.sha1("abc"))
check("SHA-1", "84983e441c3bd26ebaae4aa1f95129e5e54670f1", crypto.hashes.sha1(long))
check("SHA-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	crypto.hashes.sha256("abc"))
check("SHA-256", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
	crypto.hashes.sha256(long))
check("SHA-384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
	.. "8086072ba1e7cc2358baeca134c825a7", crypto.hashes.sha384("abc"))
check("SHA-384", "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712"
	.. "fcc7c71a557e2db966c3e9fa91746039",
	crypto.hashes.sha384("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		.. "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"))

-- RFC 3961 A.1.
for _, answer in ipairs({
	{ "012345", 8, "be072631276b1955" },
	{ "password", 7, "78a07b6caf85fa" },
	{ "Rough Consensus, and Running Code", 8, "bb6ed30870b7f0e0" },
	{ "password", 21, "59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e" },
	{ "MASSACHVSETTS INSTITVTE OF TECHNOLOGY", 24,
		"db3b0d8f0b061e603282b308a50841229ad798fab9540c1b" },
	{ "Q", 21, "518a54a215a8452a518a54a215a8452a518a54a215" },
	{ "ba", 21, "fb25d531ae8974499f52fd92ea9857c4ba24cf297e" },
	{ "kerberos", 16, "6b65726265726f737b9b5b2b93132b93" },
}) do
	check("n-fold of " .. answer[1], answer[3], crypto.n_fold(answer[1], answer[2]))
end

-- RFC 3962 B: the last step of string-to-key is DK(PBKDF2's output, "kerberos").
for _, answer in ipairs({
	{ 17, "cdedb5281bb2f801565a1122b2563515", "42263c6e89f4fc28b8df68ee09799f15" },
	{ 17, "01dbee7f4a9e243e988b62c73cda935d", "c651bf29e2300ac27fa469d693bdda13" },
	{ 18, "cdedb5281bb2f801565a1122b25635150ad1f7a04bb9f3a333ecc0e2e1f70837",
		"fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161" },
	{ 18, "01dbee7f4a9e243e988b62c73cda935da05378b93244ec8f48a99e61ad799d86",
		"a2e16d16b36069c135d5e9d2e25f896102685618b95914b467c67622225824ff" },
}) do
	check("DK", answer[3], crypto.etypes[answer[1]].derive(octets(answer[2]), "kerberos"))
end

-- RFC 3962 B: CBC with ciphertext stealing.
local text = "I would like the General Gau's Chicken, please, and wonton soup."
for size, ciphertext in pairs({
	[17] = "c6353568f2bf8cb4d8a580362da7ff7f97",
	[31] = "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5",
	[32] = "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584",
	[47] = "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e"
		.. "39312523a78662d5be7fcbcc98ebf5",
	[48] = "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd8"
		.. "39312523a78662d5be7fcbcc98ebf5a8",
	[64] = "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a8"
		.. "4807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
}) do
	check("CTS of " .. size, hex(text:sub(1, size)),
		crypto.decrypt_cts("chicken teriyaki", octets(ciphertext)))
end

-- RFC 8009 A, key usage 2.
local base = {
	[19] = octets("3705d96080c17728a0e800eab6e0d23c"),
	[20] = octets("6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52"),
}
for etype, expected in pairs({
	[19] = { "b31a018a48f54776f403e9a396325dc3", "9b197dd1e8c5609d6e67c3e37c62c72e",
		"9fda0e56ab2d85e1569a688696c26a6c", "d78367186643d67b411cba9139fc1dee" },
	[20] = { "ef5718be86cc84963d8bbb5031e9f5c4ba41f28faf69e73d",
		"56ab22bee63d82d7bc5227f6773f8ea7a5eb1c825160c38312980c442e5c7e49",
		"69b16514e3cd8e56b82010d5c73012b622c4d00ffc23ed1f",
		"45ee791567eefca37f4ac1e0222de80d43c3bfa06699672a" },
}) do
	local kc, ke, ki = crypto.keys(etype, base[etype], 2)
	check("Kc", expected[1], kc)
	check("Ke", expected[2], ke)
	check("Ki", expected[3], ki)
	check("checksum", expected[4],
		crypto.get_mic(etype, kc, octets("000102030405060708090a0b0c0d0e0f1011121314")))
end
for _, answer in ipairs({
	{ 19, "",
		"ef85fb890bb8472f4dab20394dca781dad877eda39d50c870c0d5a0a8e48c718" },
	{ 19, "000102030405",
		"84d7f30754ed987bab0bf3506beb09cfb55402cef7e6877ce99e247e52d16ed4421dfdf8976c" },
	{ 19, "000102030405060708090a0b0c0d0e0f",
		"3517d640f50ddc8ad3628722b3569d2ae07493fa8263254080ea65c1008e8fc295fb4852e7d83e1e"
		.. "7c48c37eebe6b0d3" },
	{ 19, "000102030405060708090a0b0c0d0e0f1011121314",
		"720f73b18d9859cd6ccb4346115cd336c70f58edc0c4437c5573544c31c813bce1e6d072c186b39a"
		.. "413c2f92ca9b8334a287ffcbfc" },
	{ 20, "",
		"41f53fa5bfe7026d91faf9be959195a058707273a96a40f0a01960621ac612748b9bbfbe7eb4ce3c" },
	{ 20, "000102030405",
		"4ed7b37c2bcac8f74f23c1cf07e62bc7b75fb3f637b9f559c7f664f69eab7b6092237526ea0d1f61"
		.. "cb20d69d10f2" },
	{ 20, "000102030405060708090a0b0c0d0e0f",
		"bc47ffec7998eb91e8115cf8d19dac4bbbe2e163e87dd37f49beca92027764f68cf51f14d798c227"
		.. "3f35df574d1f932e40c4ff255b36a266" },
	{ 20, "000102030405060708090a0b0c0d0e0f1011121314",
		"40013e2df58e8751957d2878bcd2d6fe101ccfd556cb1eae79db3c3ee86429f2b2a602ac86fef6ec"
		.. "b647d6295fae077a1feb517508d2c16b4192e01f62" },
}) do
	local etype, plain, ciphertext = answer[1], answer[2], octets(answer[3])
	local _, ke, ki = crypto.keys(etype, base[etype], 2)
	check("decryption", plain, crypto.decrypt(etype, ke, ki, ciphertext))
	for i = 1, #ciphertext do
		local bent = ciphertext:sub(1, i - 1) .. string.char((ciphertext:byte(i) + 1) % 256)
			.. ciphertext:sub(i + 1)
		assert(crypto.decrypt(etype, ke, ki, bent) == nil, "a bent ciphertext is refused")
	end
	for i = 0, #ciphertext - 1 do
		assert(crypto.decrypt(etype, ke, ki, ciphertext:sub(1, i)) == nil,
			"a cut ciphertext is refused")
	end
end

-- RFC 3962 has none with its checksum: these are libkrb5 1.20.1's, with KINK's key usages and the
-- key octets 7 i + etype. Plaintext, ciphertext, checksum of the plaintext.
for _, answer in ipairs({
	{ 17, "",
		"12e59156e7f4ba60b46107cd02e5bd02cb0152dbf552eef9a8e2255b",
		"db679af2176e3106b117cb5f" },
	{ 17, "000102030405060708090a",
		"351867c3449450e948dd737c404154175d23bd3b7bbac70642d98e1747de6ae20f070caf6c0aa5",
		"94f0c46d0259e520a83d16ed" },
	{ 17, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
		"5550a6612acbe9ceeb99c7ca5f9a6499fcc6e91583b2a3f7b553c500524313524bec7162016ca22d"
		.. "030b079c690b572d4fa57fe6a441184df7a1c4a772",
		"706bab90ae3fc1067866656f" },
	{ 18, "",
		"47bed5c957a3737e552c79d0cdcd18c1d5a24ee055a666f88817de84",
		"1e7f370cab0fa8d50d8626f6" },
	{ 18, "000102030405060708090a",
		"8f8485e8a14129102bf90b74acf92b50cfb0021a9389776ab1ccd0f352190e886695c7fb951129",
		"c1fcc2fd522f07f07fb69c50" },
	{ 18, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
		"133f708d09e3d503fc53c89b58404a3e530607c1a15dc4bf43aff81bbe6a73b2e269359cc519ebb8"
		.. "23cc7a060c285e448ed446e161995fd40d22200b8a",
		"e376ce9f10705abc94a7018e" },
}) do
	local etype, plain = answer[1], answer[2]
	local key = {}
	for i = 0, crypto.etypes[etype].size - 1 do
		key[#key + 1] = string.char((7 * i + etype) % 256)
	end
	key = table.concat(key)
	local _, ke, ki = crypto.keys(etype, key, 39)
	local kc = crypto.keys(etype, key, 40)
	check("decryption", plain, crypto.decrypt(etype, ke, ki, octets(answer[3])))
	check("checksum", answer[4], crypto.get_mic(etype, kc, octets(plain)))
	local bent = "\0" .. octets(answer[3]):sub(2)
	assert(crypto.decrypt(etype, ke, ki, bent) == nil, "a bent ciphertext is refused")
end

print(right .. " answers are right under " .. _VERSION)
