"""Things people tell, with what they are about: `?` marks what may be found and need not be."""

from __future__ import annotations

_TOLD = """
I take metformin twice a day since the diabetes diagnosis. | health |
Ravi's knee operation is on the third of March. | health |
The optician says I need stronger glasses. | health |
He has been told to cut out salt because of his heart. | health | serious_illness?
Mila sees Dr. Okafor on Thursdays to work through her panic attacks. | mental_health |
I can't get out of bed some mornings and nothing matters to me. | mental_health |
He stopped drinking in 2019 and goes to meetings every evening. | mental_health health? | addiction
Since the robbery she jumps at every noise. | mental_health crime? | assault?
We have 23,000 left to pay on the car. | finance |
My pension fund lost a fifth of its value. | finance |
Tom earns 61k before tax and gets a yearly bonus. | finance employment? |
She put the prize money into index funds. | finance | windfall
The bank refused to raise the limit of his card. | finance |
Child support comes to 450 a month. | finance relationships? legal? | divorce?
Our solicitor sent the other side a letter before action. | legal |
He has to give evidence next Tuesday. | legal |
The non-disclosure agreement forbids me to name the buyer. | legal |
Her residence permit runs out in August. | legal | immigration
Jonas and I are not talking since the wedding. | relationships |
She is closer to her aunt than to her own mother. | relationships |
He found messages from another woman on the phone of his fiance. | relationships | infidelity
They told the children that they will live in two houses from now on. | relationships housing? | divorce? breakup?
I have been made head of the design team. | employment |
My boss wants me back in the office four days a week. | employment |
He quit without notice and is looking for something new. | employment | job_loss?
She was passed over again when the director's post came free. | employment |
Lena is in her second year of law school. | education |
His average dropped to a C this term. | education |
The twins start kindergarten in September. | education |
I have not handed in my dissertation yet. | education |
We are two months behind with the rent. | housing finance | eviction?
The new flat has a balcony and allows cats. | housing |
I sleep on a friend's sofa until I find a room. | housing | eviction?
The boiler in the house broke again. | housing |
I'm free on Wednesday after four. | schedule |
Piano lesson every Friday at 17:00. | schedule education? |
My birthday is the ninth of June 1984. | identity |
My middle name is Aurelia and I am 36. | identity |
We go to mass on Sundays. | beliefs schedule? |
She canvassed for the green party. | beliefs |
I told my sister that I like women. | sexuality relationships? | coming_out
He is taking testosterone as part of his transition. | sexuality health? | coming_out
I was caught shoplifting when I was nineteen. | crime legal? | arrest
Her cousin is in jail for dealing. | crime relationships? legal? | arrest
The settlement with the factory paid for his burns. | legal finance? health? | accident lawsuit
We lost the baby in April. | health | pregnancy_loss
He pays 180 a session for grief counselling since his mother died. | mental_health finance | bereavement
Winning the lottery left her anxious, so she books a therapist at 200 an hour. | mental_health finance | windfall
The ex got the house and he pays her 900 a month. | finance housing relationships? | divorce
The dean suspended him for copying an essay. | education | misconduct
HR is looking into what the sales chief said to her. | employment | misconduct
All three cards are maxed out and collectors ring daily. | finance | bankruptcy
Someone opened a phone contract in my name. | finance? crime? legal? identity? | fraud_victim
My favourite colour is green. | |
I love hiking and old jazz records. | |
The recipe needs two eggs and a lemon. | |
Paris is lovely in spring. | |
She prefers window seats. | |
He plays chess online and collects stamps. | |
The laptop needs a new battery. | |
Tea with milk, no sugar. | |
They watched the match and ordered pizza. | |
I am reading a novel about sailors. | |
My dog is called Biscuit. | |
The printer is out of ink. | |
"""
STATEMENTS = [
    (text.strip(), domains.split(), events.split())
    for text, domains, events in (line.split("|") for line in _TOLD.strip().splitlines())
]
"""(text, domains, events)."""
