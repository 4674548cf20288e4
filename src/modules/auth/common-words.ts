/** Words that passwords are made of more often than of others, in lower case. */
export const WORDS: readonly string[] = `
abc access account accounts admin administrator alex alexander amanda america andrea andrew angel anthony apple april
arsenal ashley august austin autumn bailey banana baseball basketball batman berlin biteme blink blue bluesky brandon
buster butterfly ca cert certificate certificates certmate change changeit changeme charlie cheese chelsea chicken
chocolate chris christ christian client coffee company computer cookie corporate correct correcthorsebatterystaple
dallas daniel database david december default demo dev devops diamond dolphin donald dragon eagle elizabeth empire
enter eternity example falcon family fan february ferrari first florida flower football forever freedom friday friend
friends fuckyou galaxy gandalf garden george ginger god gold golden google guest hallo hammer hannah happy harley
heather hello hidden hockey home horse hunter iloveyou internet isabella james january jasmine jennifer jessica jesus
jordan joshua july june justin killer king lastminute laura legend letmein liverpool login london lovely love lover
loveme madison magic maggie manager march marina marlboro martin master matrix matthew maverick may melissa mercedes
merlin michael michelle mickey minecraft monday money monica monkey monster morgan mother mustang mykey mypassword
naruto natasha newyork nicholas nicole ninja november number october office online open operator orange oscar paris
parola pass passphrase passw0rd passwort password passworda passwords patrick peanut pepper phoenix pokemon pokemon
porsche prince princess private purple qazwsx qwer qwert qwerty qwertyui qwertyuiop qwertz rachel rainbow ranger red
remember robert root samantha samsung sarah saturday scooter secret secure security september server service shadow
silver simple single slipknot snoopy soccer soleil sommer sonic spider spiderman spring starwars stephanie sterne
summer sunday sunflower sunshine super superadmin superman superuser support swordfish system taylor tech temp
temporary test tester testing thank thankyou thomas thunder thursday tigger tiger time tinkerbell token trustno
trustnoone tuesday tweety unknown user username vanessa victoria viewer warrior wednesday welcome whatever white
william willkommen windows winner winter wizard work world yellow you yourpassword zaq zaqwsx zxc zxcvbn zxcvbnm
`
  .trim()
  .split(/\s+/);
