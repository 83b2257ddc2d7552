"""Sentences for the text-to-speech engines, composed from a small grammar per language."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_FRAGMENT_SHARE = 0.25
"""Real sources hold word lists as well as sentences, so the synthetic ones must too."""


@dataclass(frozen=True)
class Grammar:
    """Interchangeable constituents; any choice of one each makes a sentence."""

    subjects: tuple[str, ...]
    predicates: tuple[str, ...]
    places: tuple[str, ...]
    times: tuple[str, ...]
    separator: str = " "
    stop: str = "."
    times_first: bool = False
    """Chinese and Japanese put time and place before the predicate."""

    def sentence(self, rng: Random) -> str:
        """A full sentence."""
        subject, predicate = rng.choice(self.subjects), rng.choice(self.predicates)
        place, time = rng.choice(self.places), rng.choice(self.times)
        if self.times_first:
            return self.separator.join((subject, time, place, predicate)) + self.stop
        return self.separator.join((subject, predicate, place, time)) + self.stop

    def fragment(self, rng: Random) -> str:
        """One constituent alone, about a second of speech."""
        return rng.choice(self.subjects + self.predicates + self.places + self.times) + self.stop

    def utterance(self, rng: Random) -> str:
        """A sentence, or now and then a fragment."""
        return self.fragment(rng) if rng.random() < _FRAGMENT_SHARE else self.sentence(rng)


GRAMMARS: dict[str, Grammar] = {
    "en": Grammar(
        (
            "My neighbour",
            "The tall baker",
            "An old sailor",
            "Our teacher",
            "The quiet nurse",
            "Somebody",
            "Her younger brother",
            "The chief engineer",
            "A tired driver",
        ),
        (
            "bought seven yellow boxes",
            "was looking for the keys",
            "read a long letter aloud",
            "repaired the broken radio",
            "heard a strange noise",
            "could not find the right word",
            "cooked fish with rice",
            "painted a picture of the bridge",
            "asked for a cup of hot chocolate",
        ),
        (
            "near the station",
            "behind the church",
            "in the dark kitchen",
            "at the edge of the forest",
            "on the third floor",
            "under the wooden table",
            "by the river",
        ),
        (
            "early this morning",
            "on Thursday",
            "just before midnight",
            "while it was raining",
            "in the middle of June",
            "for the second time",
            "after the long journey",
        ),
    ),
    "de": Grammar(
        ("Der Nachbar", "Unsere Lehrerin", "Ein alter Fischer", "Die junge Ärztin", "Niemand"),
        (
            "sucht den roten Schlüssel",
            "liest einen langen Brief",
            "repariert das kaputte Fahrrad",
            "kauft sieben gelbe Äpfel",
            "hört ein seltsames Geräusch",
        ),
        ("hinter der Kirche", "im dunklen Keller", "am Bahnhof", "neben dem großen Fluss"),
        ("heute früh", "am Donnerstag", "kurz vor Mitternacht", "zum zweiten Mal"),
    ),
    "es": Grammar(
        ("El vecino", "Nuestra maestra", "Un viejo pescador", "La joven doctora", "Nadie"),
        (
            "busca la llave roja",
            "lee una carta muy larga",
            "arregla la bicicleta rota",
            "compra siete manzanas amarillas",
            "oye un ruido extraño",
        ),
        ("detrás de la iglesia", "en la cocina oscura", "cerca de la estación", "junto al río"),
        ("esta mañana temprano", "el jueves", "antes de medianoche", "por segunda vez"),
    ),
    "fr": Grammar(
        ("Le voisin", "Notre maîtresse", "Un vieux pêcheur", "La jeune femme", "Le boulanger"),
        (
            "cherche la clé rouge",
            "lit une très longue lettre",
            "répare le vélo cassé",
            "achète sept pommes jaunes",
            "entend un bruit étrange",
        ),
        ("derrière l'église", "dans la cuisine", "près de la gare", "au bord de la rivière"),
        ("ce matin", "jeudi prochain", "juste avant minuit", "pour la deuxième fois"),
    ),
    "it": Grammar(
        ("Il vicino", "La nostra maestra", "Un vecchio pescatore", "La giovane dottoressa"),
        (
            "cerca la chiave rossa",
            "legge una lettera molto lunga",
            "ripara la bicicletta rotta",
            "compra sette mele gialle",
            "sente uno strano rumore",
        ),
        ("dietro la chiesa", "nella cucina buia", "vicino alla stazione", "accanto al fiume"),
        ("questa mattina", "giovedì", "poco prima di mezzanotte", "per la seconda volta"),
    ),
    "pt": Grammar(
        ("O vizinho", "A nossa professora", "Um velho pescador", "A jovem médica"),
        (
            "procura a chave vermelha",
            "lê uma carta muito longa",
            "conserta a bicicleta velha",
            "compra sete maçãs amarelas",
        ),
        ("atrás da igreja", "na cozinha escura", "perto da estação", "ao lado do rio"),
        ("hoje de manhã", "na quinta-feira", "antes da meia-noite", "pela segunda vez"),
    ),
    "nl": Grammar(
        ("De buurman", "Onze lerares", "Een oude visser", "De jonge dokter"),
        (
            "zoekt de rode sleutel",
            "leest een lange brief",
            "repareert de kapotte fiets",
            "koopt zeven gele appels",
        ),
        ("achter de kerk", "in de donkere keuken", "bij het station", "naast de rivier"),
        ("vanmorgen vroeg", "op donderdag", "vlak voor middernacht", "voor de tweede keer"),
    ),
    "cs": Grammar(
        ("Náš soused", "Mladá učitelka", "Starý rybář", "Malý chlapec"),
        (
            "hledá červený klíč",
            "čte dlouhý dopis",
            "opravuje rozbité kolo",
            "kupuje sedm žlutých jablek",
        ),
        ("za kostelem", "v tmavé kuchyni", "blízko nádraží", "vedle řeky"),
        ("dnes ráno", "ve čtvrtek", "těsně před půlnocí", "už podruhé"),
    ),
    "pl": Grammar(
        ("Nasz sąsiad", "Młoda nauczycielka", "Stary rybak", "Mały chłopiec"),
        (
            "szuka czerwonego klucza",
            "czyta długi list",
            "naprawia zepsuty rower",
            "kupuje siedem żółtych jabłek",
        ),
        ("za kościołem", "w ciemnej kuchni", "blisko dworca", "obok rzeki"),
        ("dzisiaj rano", "w czwartek", "tuż przed północą", "po raz drugi"),
    ),
    "ru": Grammar(
        ("Наш сосед", "Молодая учительница", "Старый рыбак", "Маленький мальчик"),
        (
            "ищет красный ключ",
            "читает длинное письмо",
            "чинит сломанный велосипед",
            "покупает семь жёлтых яблок",
        ),
        ("за церковью", "на тёмной кухне", "около вокзала", "рядом с рекой"),
        ("сегодня утром", "в четверг", "перед самой полуночью", "во второй раз"),
    ),
    "ro": Grammar(
        ("Vecinul nostru", "Tânăra învățătoare", "Un pescar bătrân", "Băiatul cel mic"),
        (
            "caută cheia roșie",
            "citește o scrisoare lungă",
            "repară bicicleta stricată",
            "cumpără șapte mere galbene",
        ),
        ("în spatele bisericii", "în bucătărie", "lângă gară", "pe malul râului"),
        ("azi dimineață", "joi seara", "înainte de miezul nopții", "a doua oară"),
    ),
    "ca": Grammar(
        ("El veí", "La nostra mestra", "Un vell pescador", "La jove metgessa"),
        (
            "busca la clau vermella",
            "llegeix una carta molt llarga",
            "arregla la bicicleta trencada",
            "compra set pomes grogues",
        ),
        ("darrere l'església", "a la cuina fosca", "prop de l'estació", "vora el riu"),
        ("aquest matí", "dijous vinent", "abans de mitjanit", "per segona vegada"),
    ),
    "zh": Grammar(
        ("我的邻居", "年轻的老师", "一位老渔夫", "他的弟弟", "隔壁的医生", "那个小女孩"),
        (
            "买了七个黄色的苹果",
            "寻找红色的钥匙",
            "大声读了一封很长的信",
            "修理坏了的自行车",
            "听到奇怪的声音",
            "画了一座古老的桥",
        ),
        ("在车站附近", "在教堂后面", "在黑暗的厨房里", "在河边", "在三楼"),
        ("今天早上", "星期四", "半夜以前", "下雨的时候", "第二次"),
        separator="",
        stop="。",
        times_first=True,
    ),
    # Pinyin, each syllable with its tone, of other sentences than those above.
    "zh-Latn": Grammar(
        (
            "wo3 men5 de5 jing1 li3",
            "li3 xian1 sheng5",
            "na4 wei4 si1 ji1",
            "liang3 ge4 xue2 sheng5",
            "wang2 a1 yi2",
            "zhe4 zhi1 xiao3 mao1",
            "ta1 de5 nü3 er2",
            "yi4 ming2 ji4 zhe3",
        ),
        (
            "dai4 lai2 le5 yi4 ben3 jiu4 shu1",
            "he1 wan2 le5 yi4 bei1 re4 cha2",
            "wang4 ji4 le5 zi4 ji3 de5 mi4 ma3",
            "chang4 qi3 le5 jia1 xiang1 de5 min2 ge1",
            "kan4 jian4 san1 sou1 bai2 se4 de5 chuan2",
            "da3 kai1 chuang1 hu5 wang4 zhe5 yuan3 shan1",
            "xie3 xia4 le5 dian4 hua4 hao4 ma3",
            "shuo1 ming2 tian1 bu2 hui4 xia4 xue3",
        ),
        (
            "zai4 gong1 yuan2 men2 kou3",
            "zai4 tu2 shu1 guan3",
            "zai4 hui2 jia1 de5 lu4 shang5",
            "zai4 er4 lou2 ban4 gong1 shi4",
            "zai4 jiu4 qiao2 xia4 mian5",
        ),
        (
            "zuo2 wan3 jiu3 dian3",
            "xing1 qi1 ri4",
            "fang4 xue2 yi3 hou4",
            "qu4 nian2 qiu1 tian1",
            "chi1 fan4 de5 shi2 hou5",
            "mei3 ge4 yue4 chu1",
        ),
        times_first=True,
    ),
    "ja": Grammar(
        (
            "隣の人は",
            "若い先生は",
            "年を取った漁師は",
            "私の弟は",
            "静かな医者は",
            "小さな女の子は",
        ),
        (
            "黄色いりんごを七つ買いました",
            "赤い鍵を探しています",
            "長い手紙を声に出して読みました",
            "壊れた自転車を直しました",
            "不思議な音を聞きました",
            "古い橋の絵を描きました",
        ),
        ("駅の近くで", "教会の後ろで", "暗い台所で", "川のそばで", "三階で"),
        ("今朝早く", "木曜日に", "真夜中の前に", "雨の日に", "もう一度"),
        separator="",
        stop="。",
        times_first=True,
    ),
}
