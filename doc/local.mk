# doc
dist_man_MANS += doc/kinkd.conf.5
