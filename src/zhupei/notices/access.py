from zhupei.web.access import signed_in

PAGES = {"notices:list": signed_in, "notices:read_all": signed_in}
