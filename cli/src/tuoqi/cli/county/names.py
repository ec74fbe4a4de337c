"""Invented names of people, and what a household shares of them.

The names are put together by chance from lists of common parts; whoever really bears one is not meant.
"""

from random import Random
from typing import Final

from tuoqi.cli.county.chance import happens, pick

# Repeated as often as the surname should be more common than the rest.
_SURNAMES: Final = (
    "李李李王王王张张刘陈杨赵黄周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜"
    "范江傅钟卢汪戴崔任陆廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷白龙段郝孔邵史毛常万顾赖武康贺严尹钱施牛洪龚普车陶岩"
)
_DOUBLE_SURNAMES: Final = ("欧阳", "上官", "司徒", "诸葛", "皇甫")
_MEN: Final = "建国明华强军伟平志勇刚峰文辉杰斌波涛龙飞鹏宇浩然俊凯晨阳博睿泽坤林山发贵福生德才兴顺有正忠义"
_WOMEN: Final = "秀英玉兰芳桂珍梅丽娟红霞燕萍静敏雪琳婷欣怡雨佳慧颖莹洁琴凤仙翠莲菊香云美艳春花蓉月彩巧淑"
# Characters outside the Basic Multilingual Plane that registers really hold; they must survive every store and export.
_RARE: Final = ("𠮷", "𬭎", "𬱖", "𣲗", "𫖯", "𬀩", "𫍯", "𬎆")
_RARE_SHARE: Final = 0.002
_DOUBLE_SURNAME_SHARE: Final = 0.004
_SINGLE_GIVEN_SHARE: Final = 0.14

ETHNIC_GROUPS: Final = (
    ("汉族",) * 118 + ("哈尼族",) * 40 + ("彝族",) * 20 + ("傣族",) * 8 + ("瑶族",) * 8 + ("苗族",) * 4
)
DOTTED_GROUPS: Final = ("维吾尔族", "哈萨克族")  # 名·父名: names with a middle dot
_DOTTED_GROUP_SHARE: Final = 0.006
_DOTTED_MEN: Final = ("艾山", "吐尔逊", "买买提", "热合曼", "阿不都", "努尔兰", "叶尔肯", "巴合提", "库尔班", "托合提")
_DOTTED_WOMEN: Final = ("阿依努尔", "古丽娜", "米热依", "帕提曼", "阿依古丽", "热孜万", "加娜尔", "古丽扎", "迪丽拜尔")


def ethnic_group(rng: Random) -> str:
    """The ethnic group (民族) of a household."""
    return pick(rng, DOTTED_GROUPS) if happens(rng, _DOTTED_GROUP_SHARE) else pick(rng, ETHNIC_GROUPS)


def surname(rng: Random) -> str:
    """A family name, rarely one of two characters."""
    return pick(rng, _DOUBLE_SURNAMES) if happens(rng, _DOUBLE_SURNAME_SHARE) else pick(rng, _SURNAMES)


def full_name(rng: Random, family: str, sex: str, ethnic: str) -> str:
    """A person's whole name: family and given name, or given and father's name with a middle dot."""
    if ethnic in DOTTED_GROUPS:
        return f"{pick(rng, _DOTTED_MEN if sex == '男' else _DOTTED_WOMEN)}·{pick(rng, _DOTTED_MEN)}"
    characters = _MEN if sex == "男" else _WOMEN
    last = pick(rng, _RARE) if happens(rng, _RARE_SHARE) else pick(rng, characters)
    return family + last if happens(rng, _SINGLE_GIVEN_SHARE) else family + pick(rng, characters) + last
